/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What cleans up after itself at the end of its scope. The shim has no library but libc, so it does
 * not use those of common/. */
#pragma once

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
rl_scope_free(char **text)
{
    free(*text);
}

static inline void
rl_scope_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void
rl_scope_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

#define auto_free __attribute__((cleanup(rl_scope_free)))
#define auto_fd __attribute__((cleanup(rl_scope_close)))
#define auto_dir __attribute__((cleanup(rl_scope_closedir)))
