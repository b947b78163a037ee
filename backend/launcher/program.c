/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "variable.h"

/* The directory of this program, without a final slash; false where that cannot be told. */
static bool
own_directory(char directory[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", directory, PATH_MAX - 1);

    if (length <= 0)
        return false;
    directory[length] = '\0';
    char *slash = strrchr(directory, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

void
rl_program_find(RlProgram *program, char **argv)
{
    static const char beside[] = "/../" HOOK_PROGRAM;
    char directory[PATH_MAX];

    program->argv = argv;
    if (own_directory(directory) && strlen(directory) + sizeof(beside) <= sizeof(program->path)) {
        strcpy(stpcpy(program->path, directory), beside);
        if (access(program->path, F_OK) == 0)
            return;
    }
    strcpy(program->path, HOOK_PROGRAM_INSTALLED);
}

RlOutcome
rl_program_run(const RlProgram *program)
{
    RlOutcome outcome = {0};
    char own_pid[16];
    pid_t pid;

    snprintf(own_pid, sizeof(own_pid), "%d", (int) getpid());
    setenv(RL_LAUNCHER_VARIABLE, own_pid, 1);
    /* If it were ignored, as our parent may have left it, there would be nothing to wait for. */
    signal(SIGCHLD, SIG_DFL);
    outcome.error = posix_spawn(&pid, program->path, NULL, NULL, program->argv, environ);
    if (outcome.error)
        return outcome;
    while (waitpid(pid, &outcome.status, 0) < 0)
        if (errno != EINTR)
            return (RlOutcome){.error = errno};
    return outcome;
}

int
rl_program_become(const RlProgram *program)
{
    execv(program->path, program->argv);
    return errno;
}

bool
rl_outcome_is_answer(RlOutcome outcome, int *ret_answer)
{
    *ret_answer =
        outcome.error == 0 && WIFEXITED(outcome.status) ? WEXITSTATUS(outcome.status) : -1;
    return *ret_answer == 0 || *ret_answer == 1;
}

void
rl_outcome_describe(RlOutcome outcome, const RlProgram *program, char *text, size_t size)
{
    const char *path = program->path;

    if (outcome.error == ENOENT)
        snprintf(text, size, "'%s' is not there: install libvirt-reflink again", path);
    else if (outcome.error)
        snprintf(text, size, "'%s' cannot be run: %s: install libvirt-reflink again", path,
                 strerror(outcome.error));
    else if (WIFSIGNALED(outcome.status))
        snprintf(text, size, "'%s' was killed by signal %d: see the journal, and report it", path,
                 WTERMSIG(outcome.status));
    else if (WEXITSTATUS(outcome.status) == 127)
        snprintf(text, size, "'%s' cannot load a library: install what 'ldd -r %s' does not find",
                 path, path);
    else
        snprintf(text, size, "'%s' ended with status %d: install libvirt-reflink again", path,
                 WEXITSTATUS(outcome.status));
}
