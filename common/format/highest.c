/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "highest.h"

#include <string.h>

#include "common/fs/inode.h"
#include "common/fs/xattr.h"

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
    if (!rl_inode_describe(fd, "", &inode, error))
        return false;
    *ret_sure = g_strcmp0(noted, inode) == 0;
    return true;
}

bool
rl_highest_set(int fd, uint64_t highest, GError **error)
{
    g_autofree char *inode = NULL;

    if (!rl_inode_describe(fd, "", &inode, error) ||
        !rl_xattr_set_number(fd, RL_ATTR_HIGHEST, highest, error))
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
