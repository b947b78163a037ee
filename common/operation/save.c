/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "save.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/boot.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/format/image-save.h"
#include "common/format/lost-writes-note.h"
#include "common/fs/mounting.h"
#include "common/image/dirty-image.h"
#include "common/image/only-read.h"
#include "common/image/qubes-adopt.h"
#include "common/image/temporary-files.h"
#include "common/pool/qubes-leftover.h"
#include "common/pool/volume-state.h"
#include "takeover.h"

/* Which save it is is told as long as that can be noted: it is saved in any case. What was said of
 * an earlier save must not be there with the mark. */
static bool
note_save(const RlVolume *volume, int fd, const RlImageOwner *run, const RlMemory *memory,
          GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (rl_save_note(fd, run, memory, &cause))
        return true;
    rl_log_warning("volume '%s': cannot record the save it is part of: %s", volume->name->volume,
                   cause->message);
    return rl_save_clear(fd, error);
}

/* The mark comes first of what changes the image's state. Of the file's name only whoever does
 * without a restore knows to make use; that of an earlier save's file must not be there with the
 * mark. */
static bool
mark_saved(const RlDirtyImage *image, const char *file, GError **error)
{
    const RlVolume *volume = image->volume;
    int fd = image->fd;
    g_autoptr(GError) cause = NULL;

    if (!rl_mark_forget_file(fd, error) || !rl_mark_set(fd, RL_MARK_SAVED, error))
        return false;
    if (file && !rl_mark_set_file(fd, file, &cause))
        rl_log_warning("volume '%s': cannot record that its domain was saved to '%s': %s",
                       volume->name->volume, file, cause->message);
    if (!rl_dirty_sync(volume, fd, error))
        return false;
    if (image->mark == RL_MARK_SAVED)
        return true;
    rl_volume_log(volume, "saved: %s stays as it is", volume->dirty_file);
    rl_volume_event(volume, "saved", 0, "its domain is saved, and its image stays as it is");
    return true;
}

static bool
mark_kept(const RlVolume *volume, int fd, RlMark mark, GError **error)
{
    if (!rl_mark_set(fd, mark, error) || !rl_image_owner_clear(fd, error) ||
        !rl_dirty_sync(volume, fd, error))
        return false;
    rl_volume_log(volume, "kept %s for the next start", volume->dirty_file);
    rl_volume_event(volume, "kept", 0, "its dirty image is kept for the next start");
    return true;
}

/* A guest's last writes may take long to reach the disk: nobody has to wait for them with the lock.
 */
static bool
sync_ahead(const RlVolume *volume, const RlDomainRef *owner, GError **error)
{
    g_auto(RlDirtyImage) image = {.fd = -1};

    return rl_dirty_image_open(volume, &image, error) &&
           (!rl_dirty_image_is_of(&image, owner) || rl_dirty_sync(volume, image.fd, error));
}

/* *@ret_save is what is noted of the save of @image, owned by the caller, if nobody has written to
 * that since; else NULL. What is damaged is none. */
static bool
find_save(const RlDirtyImage *image, RlSave **ret_save, GError **error)
{
    g_autoptr(RlSave) save = NULL;
    g_autoptr(GError) cause = NULL;
    struct stat st;

    *ret_save = NULL;
    if (!rl_save_get(image->fd, &save, &cause) &&
        !g_error_matches(cause, RL_ERROR, RL_ERROR_STATE)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (!save || !image->run)
        return true;
    if (fstat(image->fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot examine the dirty image of volume '%s'",
                             image->volume->name->volume);
    /* As rl_image_owner_has_true_dates(); but what cannot be told now may be told later. */
    const RlImageOwner *run = image->run;
    g_autofree char *boot = rl_boot_id(error);
    uint64_t mounting = boot && run->mounting != 0 ? rl_mounting_id(image->fd) : 0;
    if (!boot)
        return false;
    if (run->mounting != 0 && mounting == 0)
        return rl_fail(error, RL_ERROR_BUSY,
                       "volume '%s': cannot find out whether its file system was mounted again",
                       image->volume->name->volume);
    if (strcmp(boot, run->boot_id) == 0 && mounting != 0 && mounting == run->mounting &&
        rl_save_has_same_image(save, &st))
        *ret_save = g_steal_pointer(&save);
    return true;
}

/* Was @image to go on from a save, and nobody has written to it? Then it is still part of that. */
static bool
look_for_restore(const RlDirtyImage *image, bool *ret_is, GError **error)
{
    g_autoptr(RlSave) save = NULL;

    *ret_is = false;
    if (image->mark == RL_MARK_RESTORED && !find_save(image, &save, error))
        return false;
    *ret_is = save != NULL;
    return true;
}

/* Did an earlier try mark @image as saved with @memory, while a process still had it open? */
static bool
is_marked_for(const RlDirtyImage *image, const RlMemory *memory)
{
    g_autoptr(RlSave) save = NULL;

    return image->mark == RL_MARK_SAVED && memory && memory->save &&
           rl_save_get(image->fd, &save, NULL) && save && g_strcmp0(save->id, memory->save) == 0;
}

/* Is @image for a restore, or for a person, to end? */
static bool
is_settled(const RlDirtyImage *image, const RlKeep *how)
{
    return image->mark == RL_MARK_SUSPECT ||
           (image->mark == RL_MARK_SAVED &&
            !(how->saved && is_marked_for(image, how->owner->memory)));
}

/* A restore has failed, and the memory still fits: only that goes on with the image, as before. Of
 * a domain that is known not to have run that is so as well when its start was confirmed: libvirt
 * calls it started before a restored guest runs. Otherwise it is so only of what was not; and not
 * of what lies below an overlay, which nobody writes to in a run either. */
static bool
look_whether_saved(const RlDirtyImage *image, const RlKeep *how, bool *ret_still, GError **error)
{
    bool unconfirmed = image->mark == RL_MARK_RESTORED && !how->overlaid;
    g_autoptr(RlSave) save = NULL;

    *ret_still = false;
    if (!how->saved && (how->failed || unconfirmed) && !find_save(image, &save, error))
        return false;
    *ret_still = save && save->waiting;
    return true;
}

/* The name of the save's file is there still. */
static bool
mark_saved_still(const RlDirtyImage *image, GError **error)
{
    const RlVolume *volume = image->volume;
    int fd = image->fd;

    if (!rl_save_keep_for(fd, image->run, error) || !rl_mark_set(fd, RL_MARK_SAVED, error) ||
        !rl_dirty_sync(volume, fd, error))
        return false;
    rl_volume_log(volume, "saved: the restore failed, and %s stays as it is", volume->dirty_file);
    rl_volume_event(volume, "saved", 0, "its restore failed, and its image stays as it is");
    return true;
}

/* Notes what becomes of @image. Of one that is open still the date may change: the last note, when
 * no process has it any more, has the one that counts. */
static bool
note(const RlDirtyImage *image, const RlKeep *how, GError **error)
{
    const RlVolume *volume = image->volume;
    const RlMemory *memory = how->saved ? how->owner->memory : NULL;
    int fd = image->fd;
    bool restore, still;

    if ((how->overlaid && !rl_overlays_add(fd, how->owner, error)) ||
        !look_whether_saved(image, how, &still, error) || !look_for_restore(image, &restore, error))
        return false;
    if (still)
        return mark_saved_still(image, error);
    if ((how->saved || !restore) && !note_save(volume, fd, image->run, memory, error))
        return false;
    if (how->saved)
        return mark_saved(image, how->file, error);
    /* What is new at each start is not another domain's to see. */
    bool throwaway = volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE;
    return (how->overlaid || rl_overlays_clear(fd, error)) &&
           (!throwaway || rl_mark_note_kept_of(fd, how->owner, error)) &&
           mark_kept(volume, fd, rl_mark_to_keep(image->mark, image->run), error);
}

bool
rl_volume_keep_as(const RlPool *pool, const char *name, const RlKeep *how, bool *ret_done,
                  GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    *ret_done = false;
    if (!volume || !sync_ahead(volume, how->owner, error))
        return false;
    volume->actor = how->owner->name;
    if (!rl_dirty_image_lock(volume, "keep", &image, error))
        return false;
    /* Whether the end of the run has marked it already is asked here. */
    if (image.unmarked)
        image.mark = image.written;
    if (!rl_dirty_image_is_of(&image, how->owner) || is_settled(&image, how))
        return true;
    bool open = rl_image_owner_is_open(image.run, image.fd);
    /* The process may have it for longer than anyone waits for that, or the host may go down. */
    if (open && how->saved && image.mark != RL_MARK_SAVED && !note(&image, how, error))
        return false;
    if (open)
        return rl_fail(
            error, RL_ERROR_BUSY,
            "volume '%s': a process still has its dirty image open. End that process first", name);
    /* What came of a migration that was broken off is kept, but not for the next start. */
    if (image.run->arriving && !how->saved)
        return rl_image_owner_leave(image.fd, image.run, error);
    *ret_done = true;
    return note(&image, how, error);
}

bool
rl_volume_mark_ended(const RlPool *pool, const char *name, const RlDomainRef *owner, bool overlaid,
                     GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};
    bool done;

    if (!volume || !rl_dirty_image_open(volume, &image, error))
        return false;
    if (!image.unmarked || !rl_dirty_image_is_of(&image, owner))
        return true;
    /* Of a restore that failed it is the save of before that the image is part of. */
    g_autoptr(RlSave) before = NULL;
    if (image.written == RL_MARK_RESTORED && !find_save(&image, &before, error))
        return false;
    bool failed = before && before->waiting;
    const RlKeep how = {.owner = owner,
                        .overlaid = overlaid || rl_overlays_names(image.below, owner),
                        .saved = image.mark == RL_MARK_SAVED && !failed,
                        .failed = failed};
    return rl_volume_keep_as(pool, name, &how, &done, error);
}

bool
rl_volume_save(const RlPool *pool, const char *name, const RlDomainRef *owner, bool *ret_done,
               GError **error)
{
    return rl_volume_keep_as(pool, name, &(RlKeep){.owner = owner, .saved = true}, ret_done, error);
}

bool
rl_volume_keep(const RlPool *pool, const char *name, const RlDomainRef *owner, bool *ret_done,
               GError **error)
{
    return rl_volume_keep_as(pool, name, &(RlKeep){.owner = owner}, ret_done, error);
}

/* As rl_volume_look_at_run(); also fails where there is a doubt. */
static bool
look_at_run(const RlPool *pool, const char *name, const RlDomainRef *owner, RlRunImage *ret_image,
            GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!volume || !rl_dirty_image_open(volume, &image, error))
        return false;
    if (!rl_dirty_image_is_of(&image, owner))
        return true;
    if (image.mark == RL_MARK_RESTORED)
        *ret_image = RL_RUN_IMAGE_UNCONFIRMED;
    else if (image.run->continued || image.mark != RL_MARK_NONE)
        *ret_image = RL_RUN_IMAGE_CONTINUED;
    return true;
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
    g_auto(RlDirtyImage) image = {.fd = -1};
    RlRunImage said;

    /* Most runs have nothing to be confirmed, and libvirt waits. */
    if (!volume ||
        (rl_volume_look_at_run(pool, name, owner, &said, NULL) && said != RL_RUN_IMAGE_UNCONFIRMED))
        return volume != NULL;
    if (!rl_dirty_image_lock(volume, "confirm", &image, error))
        return false;
    return !rl_dirty_image_is_of(&image, owner) || image.mark != RL_MARK_RESTORED ||
           (rl_save_confirm(image.fd, error) && rl_mark_clear(image.fd, error));
}

bool
rl_volume_announce_restore(const RlPool *pool, const char *name, const RlDomainRef *owner,
                           GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!volume || !rl_dirty_image_lock(volume, "announce a restore", &image, error))
        return false;
    /* Also where nobody has marked it: whoever was to do so may have been killed. */
    return !rl_dirty_image_is_of(&image, owner) || image.mark == RL_MARK_SUSPECT ||
           rl_mark_announce_restore(image.fd, error);
}

/* Locks the volume and opens its dirty image, for a person's decision that @what tells. */
static bool
lock_idle(RlVolume *volume, const char *what, RlDirtyImage *image, GError **error)
{
    if (!rl_dirty_image_lock(volume, what, image, error))
        return false;
    if (image->fd < 0)
        return rl_fail(error, RL_ERROR_NOT_FOUND,
                       "volume '%s' cannot be %s: it has no dirty image. Nothing is to be done",
                       volume->name->volume, what);
    if (rl_image_owner_is_held(image->run, image->fd))
        return rl_state_refuse_running(volume, image->run, what, error);
    /* A run beside "kept" is what a continuing left that failed: a start changes that mark. */
    bool ended = image->mark == RL_MARK_SAVED || image->mark == RL_MARK_SUSPECT ||
                 rl_mark_is_kept(image->mark);
    return ended || rl_state_require_not_starting(volume, image->run, error);
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

/* The mark that keeps @image; what was to be read only and was written to is taken for what it is.
 */
static bool
find_mark(const RlDirtyImage *image, RlMark *ret_mark, GError **error)
{
    bool written = false;

    *ret_mark = rl_mark_to_keep(image->mark, image->run);
    if (*ret_mark == RL_MARK_KEPT_READONLY && image->volume->kind == RL_KIND_PERSISTENT &&
        !rl_only_read_is_written(image, NULL, &written, error))
        return false;
    if (written)
        *ret_mark = RL_MARK_KEPT;
    return true;
}

/* A run that was cut off goes on without memory: what was saved before it is none of it, nor, where
 * the host went down since, is any that there is now. So does one whose end was cut off when it had
 * taken the run off the image. A saved image still fits its own, and what an administrator began
 * anew is open to any (the recipe for clones, virt-reflink(8)): not what he went on with. */
static bool
note_cut_off(const RlDirtyImage *image, GError **error)
{
    const RlImageOwner *run = image->run;

    bool begun_by_hand = run && rl_image_owner_is_by_hand(run) && !run->continued;
    bool kept = !run && rl_mark_is_kept(image->mark), restore;

    if (!look_for_restore(image, &restore, error))
        return false;
    if (begun_by_hand || kept || image->mark == RL_MARK_SAVED || restore)
        return true;
    return rl_save_note_cut_off(image->fd, run, error);
}

/* A person has decided. */
static bool
forget_lost(const RlDirtyImage *image)
{
    if (image->mark == RL_MARK_SUSPECT)
        rl_lost_forget(image->fd);
    return true;
}

/* Was the person asked about something else than an overlay? One decision at a time: an overlay is
 * let go of by who was told of it. */
static bool
is_other_decision(const RlDirtyImage *image)
{
    return image->mark == RL_MARK_SAVED || image->mark == RL_MARK_SUSPECT ||
           image->mark == RL_MARK_FOREIGN || rl_state_is_half(image->volume, image->run) ||
           !rl_takeover_check(image, NULL);
}

bool
rl_volume_continue(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};
    RlMark mark;

    if (!volume || !lock_idle(volume, "continued", &image, error) ||
        !rl_state_require_unlinked(volume, error) ||
        (image.mark == RL_MARK_FOREIGN && !take_over_foreign(volume, error)) ||
        !rl_state_require_clean(volume, error))
        return false;
    return (is_other_decision(&image) || rl_dirty_image_let_go(&image, error)) &&
           find_mark(&image, &mark, error) && rl_takeover_accept(&image, error) &&
           rl_mark_forget_kept_of(image.fd, error) && note_cut_off(&image, error) &&
           mark_kept(volume, image.fd, mark, error) && forget_lost(&image);
}

static bool
require_droppable(const RlDirtyImage *image, GError **error)
{
    const RlVolume *volume = image->volume;
    bool only_image = volume->kind == RL_KIND_DIRECT ||
                      (volume->kind == RL_KIND_PERSISTENT && !volume->clean.there);

    if (only_image)
        return rl_fail(
            error, RL_ERROR_STATE,
            "volume '%s' cannot be discarded: its dirty image is its only image. Accept it with "
            "'virt-reflink continue', or delete the volume",
            volume->name->volume);
    return rl_state_require_not_below(image, "discarded", error);
}

static bool
drop(const RlDirtyImage *image, GError **error)
{
    const RlVolume *volume = image->volume;
    g_autofree char *source = NULL;

    if (!require_droppable(image, error) ||
        (image->mark == RL_MARK_FOREIGN && !rl_peer_source(volume, &source, error)))
        return false;
    return source ? rl_peer_make_snapshot(volume, source, error) : rl_dirty_drop(volume, error);
}

bool
rl_volume_require_discardable(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    return volume && lock_idle(volume, "discarded", &image, error) &&
           require_droppable(&image, error);
}

bool
rl_volume_discard(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!volume || !lock_idle(volume, "discarded", &image, error) || !drop(&image, error))
        return false;
    rl_volume_event(volume, "discarded", 0, "what was written since the last commit is discarded");
    rl_dirty_image_close(&image);
    rl_volume_sweep(volume);
    return true;
}
