/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detach.h"

#include <unistd.h>

pid_t
rl_detach(void)
{
    pid_t pid = fork();

    /* Both do it: whoever is the first. */
    if (pid >= 0)
        setpgid(pid, pid);
    return pid;
}
