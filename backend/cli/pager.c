/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pager.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "table.h"

/* Does not return. What root types here must not become a shell of root's. */
static void
become_pager(int from)
{
    if (dup2(from, STDIN_FILENO) < 0)
        _exit(EXIT_FAILURE);
    setenv("LESS", "FRXMK", 0);
    setenv("LESSSECURE", "1", 1);
    execlp("less", "less", (char *) NULL);
    execlp("cat", "cat", (char *) NULL);
    _exit(EXIT_FAILURE);
}

pid_t
rl_pager_begin(void)
{
    rl_autofd int from = -1, to = -1;
    int ends[2];

    if (!rl_table_is_terminal() || pipe2(ends, O_CLOEXEC) < 0)
        return 0;
    from = ends[0];
    to = ends[1];
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        become_pager(from);
    if (pid < 0)
        return 0;
    dup2(to, STDOUT_FILENO);
    /* Ctrl-C is the pager's; when it is left, the next write ends us. */
    signal(SIGINT, SIG_IGN);
    return pid;
}

void
rl_pager_end(pid_t pager)
{
    if (pager <= 0)
        return;
    fflush(stdout);
    close(STDOUT_FILENO);
    open("/dev/null", O_WRONLY | O_CLOEXEC);
    waitpid(pager, NULL, 0);
}
