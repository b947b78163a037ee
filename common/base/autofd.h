/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file descriptor that closes itself at the end of its scope. */
#pragma once

#include <errno.h>
#include <unistd.h>

static inline void
rl_fd_close(int *fd)
{
    if (*fd < 0)
        return;
    /* Scoped cleanup runs between a failed call and the reading of its errno. */
    int saved_errno = errno;
    close(*fd);
    errno = saved_errno;
    *fd = -1;
}

/* rl_autofd int fd = ...: closed when it leaves its scope, unless stolen. */
#define rl_autofd __attribute__((cleanup(rl_fd_close)))

/**
 * rl_fd_steal:
 * Returns *@fd and leaves -1 there: the caller closes it from now on.
 */
static inline int
rl_fd_steal(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}
