/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "save.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/format/image-save.h"
#include "common/image/dirty-image.h"
#include "common/image/only-read.h"
#include "common/image/qubes-adopt.h"
#include "common/image/trash.h"
#include "common/pool/qubes-leftover.h"
#include "common/pool/volume-state.h"
#include "takeover.h"

/* Opens the dirty image if @owner runs on it; -1 and no error where not. Without the lock it may be
 * gone since the volume was looked at: then nobody does. */
static int
open_owned(const RlVolume *volume, const RlDomainRef *owner, RlImageOwner **ret_run, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!volume->dirty.there)
        return -1;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, &cause);
    if (rl_error_is_errno(cause, ENOENT))
        return -1;
    if (cause)
        g_propagate_error(error, g_steal_pointer(&cause));
    if (fd < 0 || !rl_image_owner_get(fd, ret_run, error))
        return -1;
    return *ret_run && rl_image_owner_is_of(*ret_run, owner) ? rl_fd_steal(&fd) : -1;
}

/* Which save it is is told as long as that can be noted: it is saved in any case. What was said of
 * an earlier save must not be there with the mark. */
static bool
note_save(const RlVolume *volume, int fd, const RlImageOwner *run, const RlMemory *memory,
          GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (rl_save_note(fd, run, memory, &cause))
        return true;
    rl_log_warning("volume '%s': cannot note which save it is part of: %s", volume->name->volume,
                   cause->message);
    return rl_save_clear(fd, error);
}

/* The mark comes first of what changes the image's state. Of the file's name only whoever does
 * without a restore knows to make use; that of an earlier save's file must not be there with the
 * mark. */
static bool
mark_saved(const RlVolume *volume, int fd, const char *file, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!rl_mark_forget_file(fd, error) || !rl_mark_set(fd, RL_MARK_SAVED, error))
        return false;
    if (file && !rl_mark_set_file(fd, file, &cause))
        rl_log_warning("volume '%s': cannot note that its domain was saved to '%s': %s",
                       volume->name->volume, file, cause->message);
    if (!rl_dirty_sync(volume, fd, error))
        return false;
    rl_volume_log(volume, "saved: %s stays as it is", volume->dirty_file);
    return true;
}

static bool
mark_kept(const RlVolume *volume, int fd, RlMark mark, GError **error)
{
    if (!rl_mark_set(fd, mark, error) || !rl_image_owner_clear(fd, error) ||
        !rl_dirty_sync(volume, fd, error))
        return false;
    rl_volume_log(volume, "kept %s for the next start", volume->dirty_file);
    return true;
}

/* A guest's last writes may take long to reach the disk: nobody has to wait for them with the lock.
 */
static bool
sync_ahead(const RlVolume *volume, const RlDomainRef *owner, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = open_owned(volume, owner, &run, &cause);

    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return fd < 0 || rl_dirty_sync(volume, fd, error);
}

/* Was the image @fd, marked with @mark, to go on from a save, and nobody has written to it? Then it
 * is still part of that. */
static bool
is_restore(int fd, RlMark mark)
{
    g_autoptr(RlSave) save = NULL;
    struct stat st;

    return mark == RL_MARK_RESTORED && rl_save_get(fd, &save, NULL) && save &&
           fstat(fd, &st) == 0 && rl_save_has_same_image(save, &st);
}

/* What all kinds of keeping have in common. */
static bool
hold(const RlPool *pool, const char *name, const RlDomainRef *owner, bool overlaid, bool saved,
     const char *file, bool *ret_done, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    RlMark mark;

    *ret_done = false;
    if (!volume || !sync_ahead(volume, owner, error))
        return false;
    volume->actor = owner->name;
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "keep", error);
    if (!lock)
        return false;
    rl_autofd int fd = open_owned(volume, owner, &run, &cause);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (fd < 0)
        return true;
    if (!rl_mark_get(fd, &mark, error))
        return false;
    /* That is for a restore, or for a person, to end. */
    if (mark == RL_MARK_SAVED || mark == RL_MARK_SUSPECT)
        return true;
    if (rl_image_owner_is_open(run, fd))
        return rl_fail(error, RL_ERROR_BUSY, "volume '%s': somebody still has its dirty image open",
                       name);
    /* What came of a migration that was broken off is kept, but not for the next start. */
    if (run->arriving && !saved)
        return rl_image_owner_leave(fd, run, error);
    *ret_done = true;
    if (overlaid && !rl_overlays_add(fd, owner, error))
        return false;
    if ((saved || !is_restore(fd, mark)) &&
        !note_save(volume, fd, run, saved ? owner->memory : NULL, error))
        return false;
    if (saved)
        return mark_saved(volume, fd, file, error);
    return (overlaid || rl_overlays_clear(fd, error)) &&
           mark_kept(volume, fd, rl_mark_to_keep(mark, run), error);
}

bool
rl_volume_save(const RlPool *pool, const char *name, const RlDomainRef *owner, const char *file,
               bool *ret_done, GError **error)
{
    return hold(pool, name, owner, false, true, file, ret_done, error);
}

bool
rl_volume_keep(const RlPool *pool, const char *name, const RlDomainRef *owner, bool *ret_done,
               GError **error)
{
    return hold(pool, name, owner, false, false, NULL, ret_done, error);
}

bool
rl_volume_keep_below(const RlPool *pool, const char *name, const RlDomainRef *owner, bool *ret_done,
                     GError **error)
{
    return hold(pool, name, owner, true, false, NULL, ret_done, error);
}

bool
rl_volume_save_below(const RlPool *pool, const char *name, const RlDomainRef *owner,
                     const char *file, bool *ret_done, GError **error)
{
    return hold(pool, name, owner, true, true, file, ret_done, error);
}

/* The dirty image of @volume if @owner has it and its mark is RESTORED; -1 where not. */
static int
open_restored(const RlVolume *volume, const RlDomainRef *owner, GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = open_owned(volume, owner, &run, error);
    RlMark mark;

    if (fd < 0 || !rl_mark_get(fd, &mark, error) || mark != RL_MARK_RESTORED)
        return -1;
    return rl_fd_steal(&fd);
}

/* As rl_volume_look_at_run(); also fails where there is a doubt. */
static bool
look_at_run(const RlPool *pool, const char *name, const RlDomainRef *owner, RlRunImage *ret_image,
            GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    RlMark mark = RL_MARK_NONE;

    if (!volume)
        return false;
    rl_autofd int fd = open_owned(volume, owner, &run, &cause);
    if (fd >= 0 && rl_mark_get(fd, &mark, &cause) && mark == RL_MARK_RESTORED)
        *ret_image = RL_RUN_IMAGE_UNCONFIRMED;
    else if (fd >= 0 && !cause && (run->continued || mark != RL_MARK_NONE))
        *ret_image = RL_RUN_IMAGE_CONTINUED;
    if (!cause)
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_volume_look_at_run(const RlPool *pool, const char *name, const RlDomainRef *owner,
                      RlRunImage *ret_image, GError **error)
{
    g_autoptr(GError) cause = NULL;

    *ret_image = RL_RUN_IMAGE_MADE;
    if (look_at_run(pool, name, owner, ret_image, &cause) ||
        g_error_matches(cause, RL_ERROR, RL_ERROR_NOT_FOUND))
        return true;
    *ret_image = RL_RUN_IMAGE_UNCONFIRMED;
    if (!g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_volume_confirm(const RlPool *pool, const char *name, const RlDomainRef *owner, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autoptr(GError) cause = NULL;
    RlRunImage image;

    /* Most runs have nothing to be confirmed, and libvirt waits. */
    if (!volume || (rl_volume_look_at_run(pool, name, owner, &image, NULL) &&
                    image != RL_RUN_IMAGE_UNCONFIRMED))
        return volume != NULL;
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "confirm", error);
    if (!lock)
        return false;
    rl_autofd int fd = open_restored(volume, owner, &cause);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return fd < 0 || (rl_save_confirm(fd, error) && rl_mark_clear(fd, error));
}

bool
rl_volume_announce_restore(const RlPool *pool, const char *name, const RlDomainRef *owner,
                           GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "announce a restore", error) : NULL;
    g_autoptr(RlImageOwner) run = NULL;
    RlMark mark;

    if (!lock)
        return false;
    rl_autofd int fd = open_owned(volume, owner, &run, NULL);
    if (fd < 0)
        return true;
    if (!rl_mark_get(fd, &mark, error))
        return false;
    /* Also where nobody has marked it: whoever was to do so may have been killed. */
    return mark == RL_MARK_SUSPECT || rl_mark_announce_restore(fd, error);
}

/* Locks the volume and opens its dirty image, for a person's decision that @what tells. */
static RlLock *
lock_idle(RlVolume *volume, const char *what, int *ret_fd, RlImageOwner **ret_run, RlMark *ret_mark,
          GError **error)
{
    g_autoptr(RlLock) lock = rl_volume_lock(volume, what, error);
    g_autoptr(RlImageOwner) run = NULL;
    RlMark mark;

    if (!lock)
        return NULL;
    if (!volume->dirty.there) {
        rl_fail(error, RL_ERROR_NOT_FOUND, "volume '%s' has no dirty image", volume->name->volume);
        return NULL;
    }
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, error);
    if (fd < 0 || !rl_image_owner_get(fd, &run, error) || !rl_mark_get(fd, &mark, error))
        return NULL;
    if (rl_image_owner_is_held(run, fd)) {
        rl_state_refuse_running(volume, run, what, error);
        return NULL;
    }
    /* A run beside "kept" is what a continuing left that failed: a start changes that mark. */
    bool ended = mark == RL_MARK_SAVED || mark == RL_MARK_SUSPECT || rl_mark_is_kept(mark);
    if (!ended && !rl_state_require_not_starting(volume, run, error))
        return NULL;
    *ret_fd = rl_fd_steal(&fd);
    *ret_run = g_steal_pointer(&run);
    *ret_mark = mark;
    return g_steal_pointer(&lock);
}

/* What another driver left may be of another kind than it looks like. */
static bool
take_over_foreign(RlVolume *volume, GError **error)
{
    g_autofree char *source = NULL;

    if (!rl_peer_source(volume, &source, error))
        return false;
    if (source)
        return rl_peer_refuse(volume, source, "continued", error);
    return rl_peer_make_direct(volume, error);
}

/* What was to be read only and was written to is taken for what it is. */
static bool
find_kept(const RlVolume *volume, int fd, const RlImageOwner *run, RlMark *mark, GError **error)
{
    bool written = false;

    *mark = rl_mark_to_keep(*mark, run);
    if (*mark == RL_MARK_KEPT_READONLY && volume->kind == RL_KIND_PERSISTENT &&
        !rl_only_read_is_written(volume, fd, run, &written, error))
        return false;
    if (written)
        *mark = RL_MARK_KEPT;
    return true;
}

bool
rl_volume_continue(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    rl_autofd int fd = -1;
    g_autoptr(RlImageOwner) run = NULL;
    RlMark mark = RL_MARK_NONE;
    g_autoptr(RlLock) lock =
        volume ? lock_idle(volume, "continued", &fd, &run, &mark, error) : NULL;
    /* One decision at a time: an overlay is let go of by a person who was told of it. */
    bool marked = mark == RL_MARK_SAVED || mark == RL_MARK_SUSPECT;

    return lock && rl_state_require_unlinked(volume, error) &&
           (mark != RL_MARK_FOREIGN || take_over_foreign(volume, error)) &&
           rl_state_require_clean(volume, error) && (marked || rl_overlays_clear(fd, error)) &&
           find_kept(volume, fd, run, &mark, error) && rl_takeover_accept(volume, fd, error) &&
           mark_kept(volume, fd, mark, error);
}

static bool
drop(const RlVolume *volume, RlMark mark, GError **error)
{
    g_autofree char *source = NULL;

    if (mark == RL_MARK_FOREIGN && !rl_peer_source(volume, &source, error))
        return false;
    return source ? rl_peer_make_snapshot(volume, source, error) : rl_dirty_drop(volume, error);
}

bool
rl_volume_discard(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = -1;
    RlMark mark;

    if (!volume)
        return false;
    {
        g_autoptr(RlLock) lock = lock_idle(volume, "discarded", &fd, &run, &mark, error);
        if (!lock)
            return false;
        bool only_image = volume->kind == RL_KIND_DIRECT ||
                          (volume->kind == RL_KIND_PERSISTENT && !volume->clean.there);
        if (only_image)
            return rl_fail(
                error, RL_ERROR_STATE,
                "volume '%s' cannot be discarded: its dirty image is the only one it has", name);
        if (!rl_state_require_not_below(volume, fd, run, "discarded", error))
            return false;
        if (!drop(volume, mark, error))
            return false;
    }
    rl_fd_close(&fd);
    rl_volume_sweep(volume);
    return true;
}
