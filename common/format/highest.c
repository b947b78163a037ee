/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "highest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/fs/xattr.h"

/* The inode @fd as no other one is: its number may be given again after it is gone, but not with
 * the same time of birth. *@ret_inode, owned by the caller, is NULL where there is no such time. */
static bool
describe(int fd, char **ret_inode, GError **error)
{
    struct statx st;

    *ret_inode = NULL;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
        return rl_fail_errno(error, errno, "cannot examine an image");
    if (st.stx_mask & STATX_BTIME)
        *ret_inode =
            g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT ".%09u", (guint64) st.stx_ino,
                            (gint64) st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
    return true;
}

bool
rl_highest_get(int fd, uint64_t *ret_highest, bool *ret_sure, GError **error)
{
    g_autofree char *noted = NULL, *inode = NULL;

    *ret_sure = false;
    if (!rl_xattr_get_number(fd, RL_ATTR_HIGHEST, ret_highest, error) ||
        !rl_xattr_get(fd, RL_ATTR_HIGHEST_OF, &noted, error))
        return false;
    if (!noted)
        return true;
    if (!describe(fd, &inode, error))
        return false;
    *ret_sure = g_strcmp0(noted, inode) == 0;
    return true;
}

bool
rl_highest_set(int fd, uint64_t highest, GError **error)
{
    g_autofree char *inode = NULL;

    if (!describe(fd, &inode, error) || !rl_xattr_set_number(fd, RL_ATTR_HIGHEST, highest, error))
        return false;
    return inode ? rl_xattr_set(fd, RL_ATTR_HIGHEST_OF, inode, error)
                 : rl_xattr_remove(fd, RL_ATTR_HIGHEST_OF, error);
}

bool
rl_highest_clear(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_HIGHEST_OF, error) &&
           rl_xattr_remove(fd, RL_ATTR_HIGHEST, error);
}
