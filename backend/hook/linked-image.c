/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "linked-image.h"

#include <errno.h>
#include <fts.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "backend/libvirt/pool-registry.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"
#include "disk-place.h"

static void
close_walk(FTS *walk)
{
    if (walk)
        fts_close(walk);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FTS, close_walk)

/* May the pool at @root have a name of the file? Each subvolume of btrfs has a number of its own.
 */
static bool
is_same_fs(const char *root, const struct stat *file)
{
    struct statfs fs;
    struct stat st;

    if (stat(root, &st) < 0 || statfs(root, &fs) < 0)
        return false;
    return st.st_dev == file->st_dev || (__fsword_t) fs.f_type == BTRFS_SUPER_MAGIC;
}

/* No image lies in a pool's own directory. */
static bool
is_image(const FTSENT *entry, const struct stat *file)
{
    return entry->fts_info == FTS_F && entry->fts_level > 1 &&
           rl_stat_same(entry->fts_statp, file) &&
           rl_file_name_parse(entry->fts_name).role != RL_FILE_OTHER;
}

/* Each directory is sought by its path: a process that exchanges one meanwhile hides its own names,
 * not others'. */
static bool
find_in_pool(char *root, const struct stat *file, bool *ret_is, GError **error)
{
    char *roots[] = {root, NULL};
    g_autoptr(FTS) walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;

    if (!walk)
        return rl_fail_errno(error, errno, "cannot read directory '%s'", root);
    while (!*ret_is && (entry = fts_read(walk))) {
        bool unread = entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR;
        if (unread && entry->fts_errno != ENOENT)
            return rl_fail_errno(error, entry->fts_errno, "cannot read '%s'", entry->fts_path);
        *ret_is = is_image(entry, file);
    }
    return true;
}

static bool
find_in_pools(const struct stat *file, bool *ret_is, GError **error)
{
    g_autoptr(GPtrArray) roots = rl_pools_reflink_roots();

    for (guint i = 0; i < roots->len && !*ret_is; i++) {
        char *root = g_ptr_array_index(roots, i);
        if (is_same_fs(root, file) && !find_in_pool(root, file, ret_is, error))
            return false;
    }
    return true;
}

bool
rl_linked_image_look(const char *path, bool *ret_is, GError **error)
{
    g_autofree char *end = rl_disk_place_follow(path);
    struct stat st;

    *ret_is = false;
    if (lstat(end, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink < 2)
        return true;
    if (!rl_xattr_has_any_at_path(end, ret_is, error))
        return false;
    return *ret_is || find_in_pools(&st, ret_is, error);
}
