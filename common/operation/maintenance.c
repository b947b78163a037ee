/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "maintenance.h"

#include "before-edit.h"
#include "common/format/ended-note.h"
#include "common/fs/dirfd.h"
#include "common/image/temporary-files.h"
#include "maintenance-turn.h"
#include "precache.h"
#include "prune.h"
#include "remake-precache.h"
#include "stop.h"

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

/* Clears what is stale, with the lock. *@ret_wanted says whether a precache is to be made. */
static bool
clear_stale(RlVolume *volume, bool *ret_wanted, GError **error)
{
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "tidy up", error);

    *ret_wanted = false;
    if (!lock)
        return false;
    if (volume->dir < 0)
        return true;
    if (!rl_volume_exists(volume))
        return clear_remains(volume, error);
    /* An edit since it was looked for: the next attempt keeps the state before. */
    return !rl_edit_require_none(volume, NULL) ||
           rl_precache_clear_stale(volume, ret_wanted, error);
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

void
rl_pool_end_late(const RlPool *pool, RlEndedLate told, void *data)
{
    g_autoptr(GPtrArray) names = rl_ended_list(pool->dev, pool->ino);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autoptr(GError) error = NULL;
        bool committed;
        rl_volume_end_late(pool, name, &committed, &error);
        told(pool, name, committed, error, data);
    }
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
    g_autoptr(RlLock) turn = rl_maintenance_turn(pool, name, error);
    /* Who waited for the turn decides by what is so now. */
    g_autoptr(RlVolume) volume = turn ? rl_volume_open(pool, name, error) : NULL;
    bool wanted = false;

    if (!volume || (committed && !rl_volume_tidy(pool, name, error)))
        return false;
    /* What could not be kept yet stays the precache. */
    bool stays = !rl_edit_keep_or_warn(volume);
    if (!stays && !clear_stale(volume, &wanted, error))
        return false;
    /* What goes can become the precache; else it is removed, and that is cloned. */
    if (wanted && rl_precache_remake(volume))
        wanted = false;
    rl_volume_sweep(volume);
    if (wanted && !rl_precache_make(volume, error))
        return false;
    remove_directory(volume);
    return true;
}
