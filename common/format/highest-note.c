/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "highest-note.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs/file-error.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"

/* The attribute is "INODE TIME", in microseconds of the wall clock. */

/* A commit fsyncs and renames the image after it has noted the number. Where that takes longer, the
 * next one looks at the names. */
#define NOTED_US (2 * G_USEC_PER_SEC)

/* A copy that is put back over the file keeps the inode, but changes it later. */
static bool
is_sure(const char *noted, const char *inode, const struct stat *st)
{
    const char *time = strrchr(noted, ' ');
    gint64 changed_us = (gint64) st->st_ctim.tv_sec * G_USEC_PER_SEC + st->st_ctim.tv_nsec / 1000;

    if (!inode || !time || strlen(inode) != (size_t) (time - noted) ||
        strncmp(noted, inode, strlen(inode)) != 0)
        return false;
    gint64 noted_us = g_ascii_strtoll(time + 1, NULL, 10);
    return noted_us > 0 && changed_us > 0 && ABS(changed_us - noted_us) <= NOTED_US;
}

bool
rl_highest_get(int fd, uint64_t *ret_highest, bool *ret_sure, GError **error)
{
    g_autofree char *noted = NULL, *inode = NULL;
    struct stat st;

    *ret_sure = false;
    if (!rl_xattr_get_number(fd, RL_ATTR_HIGHEST, ret_highest, error) ||
        !rl_xattr_get(fd, RL_ATTR_HIGHEST_OF, &noted, error))
        return false;
    if (!noted)
        return true;
    if (!rl_inode_describe(fd, "", &inode, error))
        return false;
    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    *ret_sure = is_sure(noted, inode, &st);
    return true;
}

bool
rl_highest_set(int fd, uint64_t highest, GError **error)
{
    g_autofree char *inode = NULL;

    if (!rl_inode_describe(fd, "", &inode, error) ||
        !rl_xattr_set_number(fd, RL_ATTR_HIGHEST, highest, error))
        return false;
    if (!inode)
        return rl_xattr_remove(fd, RL_ATTR_HIGHEST_OF, error);
    g_autofree char *noted = g_strdup_printf("%s %" G_GINT64_FORMAT, inode, g_get_real_time());
    return rl_xattr_set(fd, RL_ATTR_HIGHEST_OF, noted, error);
}

bool
rl_highest_clear(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_HIGHEST_OF, error) &&
           rl_xattr_remove(fd, RL_ATTR_HIGHEST, error);
}
