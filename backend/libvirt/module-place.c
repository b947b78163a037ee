/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "module-place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool
rl_module_path(RlModulePlace place, const char *top, const char *version, char *ret_path,
               size_t size)
{
    int n = snprintf(ret_path, size, "%s/%s/" RL_MODULE_FILE,
                     place == RL_MODULE_BESIDE ? top : RL_MODULE_STATE_DIR, version);

    return n >= 0 && (size_t) n < size;
}

static bool
is_roots(const char *path, char *ret_why, size_t size)
{
    struct stat st;

    if (lstat(path, &st) < 0) {
        snprintf(ret_why, size, "'%s' cannot be examined: %s", path, strerror(errno));
        return false;
    }
    if (st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return true;
    snprintf(ret_why, size,
             "others than root can change '%s' (owner %u, mode %04o): type 'chown root:root %s; "
             "chmod go-w %s'",
             path, st.st_uid, st.st_mode & 07777, path, path);
    return false;
}

/* From the root on: a directory that root alone can change cannot get other entries meanwhile. */
bool
rl_module_is_trusted(const char *path, char *ret_why, size_t size)
{
    char real[PATH_MAX], part[PATH_MAX];

    if (!realpath(path, real)) {
        snprintf(ret_why, size, "'%s' cannot be examined: %s", path, strerror(errno));
        return false;
    }
    if (!is_roots("/", ret_why, size))
        return false;
    for (const char *slash = real; slash;) {
        slash = strchr(slash + 1, '/');
        snprintf(part, sizeof(part), "%.*s", slash ? (int) (slash - real) : (int) strlen(real),
                 real);
        if (!is_roots(part, ret_why, size))
            return false;
    }
    return true;
}
