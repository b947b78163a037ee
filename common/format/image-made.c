/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-made.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "common/base/boot.h"
#include "common/fs/inode.h"
#include "common/fs/mounting.h"
#include "common/fs/xattr.h"

/* The attribute is "BOOT MOUNTING/INODE/INODE of the clean image"; where no blocks are shared there
 * are two slashes before the inodes. Without inodes the file system does not name them, or an
 * earlier version has made a copy. */

/* Owned by the caller; NULL with @error. */
static char *
describe_time(int fd, GError **error)
{
    g_autofree char *boot = rl_boot_id(error);

    return boot ? g_strdup_printf("%s %" PRIu64, boot, rl_mounting_id(fd)) : NULL;
}

/* Of both images, owned by the caller; NULL where the file system does not name them, or with
 * @error. */
static char *
describe_inodes(int fd, int clean, GError **error)
{
    g_autofree char *own = NULL, *other = NULL;

    /* GCOV_EXCL_START: of an open file it fails only without memory */
    if (!rl_inode_describe(fd, "", &own, error) || !rl_inode_describe(clean, "", &other, error))
        return NULL;
    /* GCOV_EXCL_STOP */
    return own && other ? g_strdup_printf("%s/%s", own, other) : NULL;
}

static bool
dates_outlive_power_cuts(int fd, bool *ret_if_shared)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0) /* GCOV_EXCL_LINE: not of an open file */
        return false;         /* GCOV_EXCL_LINE */
    *ret_if_shared = fs.f_type == XFS_SUPER_MAGIC;
    return fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC;
}

bool
rl_image_made_set(int fd, int clean, bool shares, GError **error)
{
    g_autofree char *time = describe_time(fd, error);
    g_autofree char *inodes = describe_inodes(fd, clean, NULL);

    if (!time)
        return false;
    g_autofree char *text = g_strconcat(time, inodes ? (shares ? "/" : "//") : NULL, inodes, NULL);
    return rl_xattr_set(fd, RL_ATTR_MADE, text, error);
}

/* What is noted of the inodes, which a copy has as well; NULL where nothing is. */
static const char *
noted_inodes(char *const *parts)
{
    const char *inodes = parts[0] ? parts[1] : NULL;

    return inodes && inodes[0] == '/' ? inodes + 1 : inodes;
}

bool
rl_image_made_dates_tell(int fd, int clean, bool *ret_if_shared)
{
    g_autofree char *text = NULL;

    *ret_if_shared = false;
    if (!rl_xattr_get(fd, RL_ATTR_MADE, &text, NULL) || !text)
        return false;
    g_auto(GStrv) parts = g_strsplit(text, "/", 2);
    g_autofree char *now = describe_time(fd, NULL), *inodes = describe_inodes(fd, clean, NULL);
    const char *noted = noted_inodes(parts);
    if (noted && inodes && strcmp(noted, inodes) != 0)
        return false;
    if (now && g_strcmp0(parts[0], now) == 0)
        return true;
    return inodes && dates_outlive_power_cuts(fd, ret_if_shared) && parts[0] &&
           g_strcmp0(parts[1], inodes) == 0;
}

bool
rl_image_made_is_own(int fd)
{
    g_autofree char *text = NULL, *own = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_MADE, &text, NULL) || !text)
        return false;
    g_auto(GStrv) parts = g_strsplit(text, "/", 2);
    g_autofree char *now = describe_time(fd, NULL);
    const char *noted = noted_inodes(parts);
    if (noted && rl_inode_describe(fd, "", &own, NULL) && own)
        return g_str_has_prefix(noted, own) && noted[strlen(own)] == '/';
    return now && g_strcmp0(parts[0], now) == 0;
}

bool
rl_image_made_is_of(int fd, int clean)
{
    g_autofree char *text = NULL, *inodes = describe_inodes(fd, clean, NULL);

    if (!inodes || !rl_xattr_get(fd, RL_ATTR_MADE, &text, NULL) || !text)
        return false;
    g_auto(GStrv) parts = g_strsplit(text, "/", 2);
    return parts[0] && g_strcmp0(parts[1], inodes) == 0;
}

bool
rl_image_made_clear(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_MADE, error);
}
