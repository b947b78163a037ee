/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "maintenance.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/ended-note.h"
#include "common/format/highest.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/xattr.h"
#include "common/image/dirty-image.h"
#include "common/image/trash.h"
#include "stop.h"
#include "unshare.h"

/* As long as cloning a large and fragmented image may take on a slow disk. */
#define MAINTENANCE_TIMEOUT_MS (10 * 60 * 1000)

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
    rl_log_warning("volume '%s': revision %" G_GUINT64_FORMAT " was put there: nothing is pruned "
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

/* The volume is gone: the record that a deletion or a creation left when it was cut off goes too.
 * Beside revisions or a precache it is that of an image that was lost or moved away; those are
 * data, and left to the administrator. */
static bool
clear_remains(const RlVolume *volume, GError **error)
{
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);

    if (!revisions)
        return false;
    if (revisions->len > 0 || volume->precache.there)
        return true;
    return rl_file_drop(volume, volume->record_file, error);
}

static bool
precache_is_wanted(const RlVolume *volume)
{
    return rl_volume_exists(volume) && !volume->dirty.there &&
           (volume->kind == RL_KIND_PERSISTENT || volume->kind == RL_KIND_SNAPSHOT);
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

/* Clears what is stale, with the lock. *@ret_wanted says whether a precache is to be made. */
static bool
clear_stale(RlVolume *volume, bool *ret_wanted, GError **error)
{
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "tidy up", error);
    rl_autofd int fd = -1;

    *ret_wanted = false;
    if (!lock)
        return false;
    if (volume->dir < 0)
        return true;
    if (!rl_volume_exists(volume))
        return clear_remains(volume, error);

    /* A snapshot whose source is gone or not at rest has no base now; that is no failure of
     * tidying. */
    g_autoptr(RlBase) base = precache_is_wanted(volume) ? rl_base_open(volume, NULL) : NULL;
    if (base && rl_precache_is_valid(volume, base, &fd) &&
        !rl_unshare_is_others(volume, fd, NULL, false))
        return true;
    *ret_wanted = base && !rl_lease_has_writer(base->fd);
    return rl_file_drop(volume, volume->precache_file, error);
}

static bool
make_precache(RlVolume *volume, GError **error)
{
    g_autoptr(RlBase) base = rl_base_open(volume, NULL);
    rl_autofd int fd = base ? rl_dirty_make(volume, base, error) : -1;

    if (!base)
        return true;
    if (fd < 0)
        return false;
    /* What is started from it must be there after a crash: so it is durable before it has its name.
     */
    if (fsync(fd) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot make its precache durable",
                             volume->name->volume);

    g_autoptr(RlLock) lock = rl_volume_lock(volume, "make the precache", error);
    if (!lock)
        return false;
    if (!precache_is_wanted(volume) || volume->precache.there || !rl_base_is_current(base, volume))
        return true;
    if (!rl_tmpfile_link(fd, volume->dir, volume->precache_file, error))
        return false;
    rl_volume_log(volume, "made %s", volume->precache_file);
    rl_fd_close(&fd); /* a start asks whether somebody has it open for writing */
    return true;
}

/* One at a time: two would make the same precache twice. What the second one finds to do may be
 * newer, so it waits. */
static RlLock *
take_turn(const RlPool *pool, const char *name, GError **error)
{
    /* No volume has such a name, so it is a lock of its own; nobody takes it who has the volume's.
     */
    g_autofree char *key = g_strconcat(name, "~maintenance", NULL);

    return rl_lock_take(pool->dev, pool->ino, key, "maintenance", MAINTENANCE_TIMEOUT_MS, error);
}

bool
rl_volume_end_late(const RlPool *pool, const char *name, bool *ret_committed, GError **error)
{
    RlStop stop;

    *ret_committed = false;
    if (!rl_volume_stop_ended(pool, name, &stop, error))
        return false;
    if (stop == RL_STOP_NOTHING) {
        rl_ended_forget_volume(pool->dev, pool->ino, name);
        return true;
    }
    *ret_committed = stop == RL_STOP_COMMITTED;
    return rl_volume_maintain(pool, name, *ret_committed, error);
}

static void
remove_directory(const RlVolume *volume)
{
    if (volume->dir >= 0 && !rl_volume_exists(volume))
        rl_dirfd_remove_empty(volume->pool->root, volume->name->dir);
}

bool
rl_volume_clear(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);

    if (!volume)
        return false;
    if (volume->dir >= 0 && !rl_volume_exists(volume)) {
        g_autoptr(RlLock) lock = rl_volume_lock(volume, "tidy up", error);
        if (!lock ||
            (volume->dir >= 0 && !rl_volume_exists(volume) && !clear_remains(volume, error)))
            return false;
    }
    rl_volume_sweep(volume);
    remove_directory(volume);
    return true;
}

bool
rl_volume_maintain(const RlPool *pool, const char *name, bool committed, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(RlLock) turn = volume ? take_turn(pool, name, error) : NULL;
    bool wanted;

    if (!turn || (committed && !rl_volume_tidy(pool, name, error)) ||
        !clear_stale(volume, &wanted, error))
        return false;
    rl_volume_sweep(volume);
    if (wanted && !make_precache(volume, error))
        return false;
    remove_directory(volume);
    return true;
}
