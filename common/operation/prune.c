/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "prune.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/highest.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/xattr.h"
#include "common/image/trash.h"

/* Does a domain's disk need it? A doubt keeps it. */
static bool
is_layer(const RlVolume *volume, const char *file)
{
    g_autofree char *value = NULL;

    return !rl_xattr_get_at(volume->dir, file, RL_ATTR_LAYER, &value, NULL) || value;
}

/* Does a revision have a higher number than any that was given? An administrator has put it there,
 * and by their numbers those of now would be the oldest ones. Then the next number is higher. A
 * crash before that leaves it to the next commit's pruning. */
static bool
find_put_back(const RlVolume *volume, const RlRevision *newest, bool *ret_found, GError **error)
{
    uint64_t highest;
    bool sure;

    *ret_found = false;
    /* The clean image itself: a commit is under way, or was cut off. */
    if (!newest || !volume->clean.there || rl_stat_same(&newest->st, &volume->clean.st))
        return true;
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, error);
    if (fd < 0 || !rl_highest_get(fd, &highest, &sure, error))
        return false;
    /* Without a note the commit has looked at the names. */
    *ret_found = highest > 0 && newest->number > highest;
    if (!*ret_found)
        return true;
    rl_log_warning("volume '%s': revision %" G_GUINT64_FORMAT " has a higher number than the last "
                   "one that was made, as after a restore from a backup: no revision is removed "
                   "before the next commit",
                   volume->name->volume, newest->number);
    return rl_highest_set(fd, newest->number, error) &&
           (fsync(fd) == 0 || rl_fail_errno(error, errno, "volume '%s': cannot record a number",
                                            volume->name->volume));
}

bool
rl_volume_prune(const RlVolume *volume, int keep, GError **error)
{
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    bool put_back;
    int seen = 0;

    if (!revisions || !find_put_back(volume, rl_revisions_newest(revisions), &put_back, error))
        return false;
    if (put_back)
        return true;
    for (guint i = revisions->len; i-- > 0;) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        /* One that is the clean image itself belongs to a commit or replacement that is under way
         * or was cut off. */
        if (revision->label || rl_stat_same(&revision->st, &volume->clean.st))
            continue;
        /* One that a process has open, to read it as well, is kept until the next time: libvirt's
         * daemon ends a domain that runs, when it is started again, if it finds a disk of it no
         * more. */
        if (seen++ >= keep && !rl_lease_has_opener_at(volume->dir, revision->file) &&
            !is_layer(volume, revision->file) && !rl_file_drop(volume, revision->file, error))
            return false;
    }
    return true;
}

bool
rl_volume_tidy(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "prune", error) : NULL;

    if (!lock)
        return false;
    if (volume->kind != RL_KIND_PERSISTENT || !volume->clean.there)
        return true;
    return rl_volume_prune(volume, rl_options_keep(pool->options, name), error);
}
