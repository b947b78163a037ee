/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "start.h"
#include "precache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "before-edit.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/ended-note.h"
#include "common/format/file-name.h"
#include "common/format/image-domain.h"
#include "common/format/image-id.h"
#include "common/format/image-layer.h"
#include "common/format/image-overlays.h"
#include "common/format/image-save.h"
#include "common/fs/access-note.h"
#include "common/fs/dirfd.h"
#include "common/fs/lease.h"
#include "common/fs/project-id.h"
#include "common/fs/readers.h"
#include "common/fs/security-labels.h"
#include "common/fs/xattr.h"
#include "common/image/dirty-image.h"
#include "common/image/new-revision.h"
#include "common/image/restore-fit.h"
#include "common/image/temporary-files.h"
#include "common/image/torn-copy.h"
#include "common/image/unwritten.h"
#include "common/image/volume-path.h"
#include "common/pool/capacity.h"
#include "common/pool/hardlinks.h"
#include "common/pool/volume-state.h"
#include "run-event.h"
#include "stop.h"
#include "takeover.h"
#include "unshare.h"

/* Loop devices of a guest that reboots detach late. */
#define IN_USE_PATIENCE_MS 3000
/* How often a start begins anew when clean images change under it; each time somebody else got
 * something done. */
#define ATTEMPTS_MAX 8

typedef struct {
    RlVolume *volume;
    const RlDomainRef *owner;
    RlStartFlags flags;
    bool continued;
    RlImageOwner *before;
    RlMark hold;
    char *save;
    bool done;
    bool shared; /* the dirty image is to be its own before it goes on */
} Start;

/* Not without what is to come in its place: a start that fails changes nothing. */
static bool
drop_leftover(RlVolume *volume, GError **error)
{
    g_autoptr(RlBase) base = NULL;

    if (volume->kind != RL_KIND_VOLATILE &&
        (!(base = rl_base_open(volume, error)) || !rl_base_require_unwritten(base, error)))
        return false;
    return rl_dirty_drop(volume, error) && rl_volume_refresh(volume, error);
}

/* It is taken as it is. What the host's crash left belongs to a device model, which libvirt would
 * take for its owner at rest, and remember. While others have the image it is not ours to change.
 */
static bool
take_over_image(const RlDirtyImage *image, RlTakeover takeover, GError **error)
{
    if (takeover == RL_TAKEOVER_SHARE)
        return true;
    /* Where nothing was noted of its clean image, that is now. */
    if (!rl_image_owner_expect_change(image->fd, image->run, error) ||
        !(image->base.id ? rl_takeover_accept_size : rl_takeover_accept)(image, error) ||
        !rl_dirty_give_access(image->volume, image->fd, error))
        return false;
    rl_security_labels_forget(image->fd);
    return image->volume->kind != RL_KIND_DIRECT || rl_access_note(image->fd, error);
}

/* For whoever compares the domain's volumes. */
static void
note_save(Start *start, int fd)
{
    g_autoptr(RlSave) save = NULL;
    struct stat st;

    if (rl_save_get(fd, &save, NULL) && save && fstat(fd, &st) == 0 &&
        rl_save_has_same_image(save, &st))
        start->save = g_steal_pointer(&save->id);
}

/* Has another domain had it, or a process of one it still? What a restored domain's memory fits is
 * its own. */
static bool
is_shared(const Start *start, const RlDirtyImage *image)
{
    const RlDomainRef *owner = start->owner;

    return (!(start->flags & RL_START_RESTORED) &&
            rl_unshare_is_others_dirty(image->volume, image->fd, image->run, owner)) ||
           (!(start->flags & RL_START_READONLY) && rl_unshare_is_due(image->fd, image->run, owner));
}

/* Does a program read the image that a restored domain is to go on with? One that copies it (tar)
 * has read its attributes first: the copy counts as saved, and is not to have what is written from
 * now on. */
static bool
is_copied(const Start *start, const RlDirtyImage *image)
{
    return !(start->flags & RL_START_READONLY) && rl_unshare_is_read(image->volume, image->fd);
}

/* There is a dirty image: goes on with it, or drops it and leaves start->done false; or says that
 * it is shared with whoever had it before. */
static bool
take_over(Start *start, RlDirtyImage *image, GError **error)
{
    RlVolume *volume = start->volume;
    RlTakeover takeover;

    if (!rl_takeover_decide(image, start->owner, start->flags, &takeover, error))
        return false;
    if (takeover == RL_TAKEOVER_DROP)
        return drop_leftover(volume, error);

    start->shared = (takeover == RL_TAKEOVER_CONTINUE && is_shared(start, image)) ||
                    (takeover == RL_TAKEOVER_RESTORE && is_copied(start, image));
    if (start->shared)
        return true;
    /* Before it is this domain's: whoever comes after a crash is to know of the overlay. */
    if ((start->flags & RL_START_OVERLAID) && !rl_overlays_add(image->fd, start->owner, error))
        return false;
    if (!take_over_image(image, takeover, error) ||
        !rl_takeover_mark(image, start->owner, start->flags, takeover, error))
        return false;
    /* Saved memory that is read must not find a disk that looks as it was after a power cut. What
     * the image holds has been durable since it was marked. */
    if (image->mark != RL_MARK_NONE && !rl_dirty_sync(volume, image->fd, error))
        return false;
    /* Its memory is gone, and with the mark what said where that was. */
    bool lost = image->mark == RL_MARK_SAVED && takeover == RL_TAKEOVER_CONTINUE;
    start->hold = lost ? RL_MARK_KEPT : image->mark;
    rl_volume_log(volume, "continues with %s", volume->dirty_file);
    if (start->flags & RL_START_RESTORED)
        note_save(start, image->fd);
    start->continued = true;
    start->before = g_steal_pointer(&image->run);
    start->done = true;
    return true;
}

/* There is none, where one has to be: below an external snapshot it is half of the domain's disk.
 * But where the volume's path leads to the clean image at rest, one that was made while the domain
 * was off lies on that (backend/hook/layer-base.h knows of which state). */
static bool
may_be_made(const Start *start, GError **error)
{
    const RlVolume *volume = start->volume;

    if (volume->clean.there && rl_pool_has_links(volume->pool, volume->name->dir))
        return true;
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' has no dirty image, but the domain's disk is an overlay on that image. "
        "Restore the dirty image from a backup, or give the domain another disk",
        start->volume->name->volume);
}

/* A domain's memory knows what was on the disk that it was saved with. */
static bool
refuse_lost(const Start *start, GError **error)
{
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' has no dirty image, but the saved memory of domain '%s' needs the one that it "
        "was saved with. Either that image was committed or discarded since, or this volume is a "
        "clone and has only a clean image. Start the domain without that memory ('virsh start'; "
        "after a managed save first 'virsh managedsave-remove'). If this is a clone of the saved "
        "state, make its dirty image first: 'virt-reflink start' and 'virt-reflink continue'",
        start->volume->name->volume, start->owner->name);
}

static bool
image_is_needed(const RlVolume *volume)
{
    return rl_volume_exists(volume) &&
           (volume->kind == RL_KIND_PERSISTENT || volume->kind == RL_KIND_SNAPSHOT);
}

/* What a domain only reads has the clean image's content: where that has not changed since the
 * domain was saved, the memory fits a new image as well. The other domains that read it have ended
 * the one of that time. */
static bool
require_kept(const Start *start, const RlBase *base, GError **error)
{
    if (!(start->flags & RL_START_READONLY) || !image_is_needed(start->volume))
        return refuse_lost(start, error);
    /* Without a base the image that was there has just gone: the start looks again. */
    return !base || rl_fits_require_clean(start->volume, &base->st, start->owner, error);
}

static RlOwnerTraits
traits_of(const Start *start, bool written)
{
    return (RlOwnerTraits){.written = written || (start->flags & RL_START_ARRIVING),
                           .readonly = start->flags & RL_START_READONLY,
                           .arriving = start->flags & RL_START_ARRIVING};
}

/* Writes on the image @fd whose it is from now on. No other domain has had it. */
static bool
note_owner(const Start *start, int fd, bool written, GError **error)
{
    return rl_image_domain_set(fd, start->owner, error) &&
           (!(start->flags & RL_START_OVERLAID) || rl_overlays_add(fd, start->owner, error)) &&
           rl_image_owner_set(fd, start->owner, traits_of(start, written), error);
}

/* The last touch to an image that is still without a name: whose it is, and all of it durable. */
static bool
finish_image(const Start *start, int fd, bool written, GError **error)
{
    if (!note_owner(start, fd, written, error))
        return false;
    if (fsync(fd) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot sync its dirty image",
                             start->volume->name->volume);
    return true;
}

/* Gives the finished image @fd its name. */
static bool
publish(Start *start, int fd, GError **error)
{
    RlVolume *volume = start->volume;

    if (!rl_tmpfile_link(fd, volume->dir, volume->dirty_file, error) ||
        !rl_volume_sync(volume, error))
        return false;
    rl_volume_log(volume, "made %s", volume->dirty_file);
    start->done = true;
    return true;
}

static bool
start_volatile(Start *start, GError **error)
{
    RlVolume *volume = start->volume;
    rl_autofd int fd = rl_dirty_make_empty(volume, volume->record->capacity, error);

    return fd >= 0 && finish_image(start, fd, true, error) && publish(start, fd, error);
}

/* A start that fails leaves nothing on the clean image, whose lock we have. */
static void
undo_direct(const RlVolume *volume, int fd)
{
    const struct stat *st = &volume->clean.st;
    g_autoptr(GError) error = NULL;

    if (!rl_image_owner_clear(fd, &error) ||
        !rl_access_settle(fd, rl_readers_are_noted(st->st_dev, st->st_ino), &error))
        rl_log_warning("volume '%s': cannot undo what its start noted on '%s': %s",
                       volume->name->volume, volume->clean_file, error->message);
}

static bool
rename_image(const RlVolume *volume, const char *from, const char *to, GError **error)
{
    return rl_project_rename(volume->dir, from, to, RENAME_NOREPLACE) == 0 ||
           rl_fail_errno(error, errno, "volume '%s': cannot rename its image%s",
                         volume->name->volume, rl_project_hint(errno));
}

/* Until it has its new name, what is noted of its access counts only as long as it is needed. */
static bool
rename_direct(const Start *start, int fd, GError **error)
{
    const RlVolume *volume = start->volume;

    if (rl_access_note_for_readers(fd, true, error) && note_owner(start, fd, true, error) &&
        rename_image(volume, volume->clean_file, volume->dirty_file, error)) {
        if (rl_access_note_lasts(fd, error))
            return true;
        if (!rename_image(volume, volume->dirty_file, volume->clean_file, NULL))
            return false;
    }
    undo_direct(volume, fd);
    return false;
}

/* A direct volume's only image changes its name. Another link to it, whoever reads it, and an
 * overlay on it would see it change, and what another domain's device model has begun would change
 * it: then it is made an image of its own first. So it is where it ends within a sector, for whole
 * ones. */
static bool
start_direct(Start *start, GError **error)
{
    RlVolume *volume = start->volume;
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, error);
    bool is_layer;

    if (fd < 0 || !rl_torn_require_none(volume->name->volume, volume->clean_file, fd, error) ||
        !rl_image_is_layer(fd, &is_layer, error))
        return false;
    if (is_layer || volume->clean.st.st_nlink > 1 || rl_lease_has_opener(fd) ||
        rl_unshare_is_others(volume, fd, start->owner, false) ||
        rl_capacity_round((uint64_t) volume->clean.st.st_size) !=
            (uint64_t) volume->clean.st.st_size)
        return true; /* not done: the caller unshares it */
    /* It would dangle in between, and who opens it then to create a file would make one here. */
    rl_volume_path_remove(volume);
    if (!rename_direct(start, fd, error))
        return false;
    rl_volume_log(volume, "renamed %s to %s", volume->clean_file, volume->dirty_file);
    start->done = true;
    return rl_volume_sync(volume, error);
}

/* With a valid precache a start is a rename and one fsync. */
static bool
start_from_precache(Start *start, const RlBase *base, GError **error)
{
    RlVolume *volume = start->volume;
    rl_autofd int fd = -1;

    if (!rl_precache_is_valid(volume, base, &fd) ||
        rl_unshare_is_others(volume, fd, start->owner, false))
        return true;
    if (!note_owner(start, fd, rl_unwritten_date_is_young(&base->st), error) ||
        !rl_volume_rename(volume, volume->precache_file, volume->dirty_file, error))
        return false;
    start->done = true;
    return rl_volume_sync(volume, error);
}

/* What can be done at once, with the volume's lock. Leaves start->done false where an image has to
 * be made first. */
static bool
try_at_once(Start *start, RlDirtyImage *image, const RlBase *base, GError **error)
{
    RlVolume *volume = start->volume;

    if (!rl_volume_exists(volume))
        return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'",
                       volume->name->volume, volume->pool->path);
    if (image->fd >= 0 && (!take_over(start, image, error) || start->done || start->shared))
        return start->done || start->shared;
    /* From here on there is none. */
    if ((start->flags & RL_START_OVERLAID) && !may_be_made(start, error))
        return false;
    if ((start->flags & RL_START_RESTORED) && !require_kept(start, base, error))
        return false;
    if (volume->kind == RL_KIND_VOLATILE)
        return start_volatile(start, error);
    if (volume->kind == RL_KIND_DIRECT)
        return start_direct(start, error);
    if (base && rl_base_is_current(base, volume))
        return start_from_precache(start, base, error);
    return true;
}

/* The image @fd was made without the lock, of the size that was recorded then. A snapshot may have
 * been resized since. */
static bool
has_its_size(const RlVolume *volume, const RlBase *base, int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (uint64_t) st.st_size == rl_dirty_size(volume, base);
}

/* A precache that is of no use takes the space that the image needs, in a pool that copies after
 * each boot of the host. One that has the state before an edit is of use. */
static bool
free_precache(RlVolume *volume)
{
    {
        g_autoptr(RlLock) lock = rl_volume_lock(volume, "start", NULL);
        if (!lock || volume->dirty.there || !volume->precache.there || rl_edit_is(volume) ||
            !rl_file_drop(volume, volume->precache_file, NULL))
            return false;
    }
    rl_volume_sweep(volume);
    return true;
}

static int
make_image(const Start *start, const RlBase *base, GError **error)
{
    g_autoptr(GError) cause = NULL;
    int fd = rl_dirty_make(start->volume, base, &cause);

    if (fd >= 0)
        return fd;
    if (rl_ended_means_full(cause) && free_precache(start->volume))
        return rl_dirty_make(start->volume, base, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return -1;
}

/* One attempt: what can be done at once, else an image made without the lock and published with it.
 */
static bool
attempt(Start *start, GError **error)
{
    RlVolume *volume = start->volume;

    start->shared = false;
    bool needed = image_is_needed(volume) && !volume->dirty.there;
    g_autoptr(RlBase) base = needed ? rl_base_open(volume, error) : NULL;

    if (needed && (!base || !rl_base_require_unwritten(base, error) ||
                   !rl_edit_keep_for_start(volume, base->fd, error)))
        return false;
    {
        g_auto(RlDirtyImage) image = {.fd = -1};
        if (!rl_dirty_image_lock(volume, "start", &image, error) ||
            !try_at_once(start, &image, base, error))
            return false;
    }
    if (start->done)
        return true;
    if (start->shared)
        return rl_unshare_dirty(volume, error);
    if (volume->kind == RL_KIND_DIRECT)
        return rl_unshare_clean(volume, error);
    if (!base)
        return true; /* a leftover was dropped, or the volume appeared while we waited: look anew */

    rl_autofd int fd = make_image(start, base, error);
    if (fd < 0 || !finish_image(start, fd, rl_unwritten_date_is_young(&base->st), error))
        return false;
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "start", error);
    if (!lock)
        return false;
    /* A precache that was made since the volume was found may have the state before an edit. */
    if (volume->dirty.there || !image_is_needed(volume) || !rl_base_is_current(base, volume) ||
        !has_its_size(volume, base, fd) || !rl_edit_require_none(volume, NULL))
        return true;
    return publish(start, fd, error);
}

/* Waits while the dirty image of a run of the same domain is still held, by a loop device that
 * detaches late. */
static void
wait_until_free(const RlVolume *volume, const RlDomainRef *owner)
{
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!rl_dirty_image_open(volume, &image, NULL) || !rl_dirty_image_is_of(&image, owner))
        return;
    for (int waited_ms = 0; waited_ms < IN_USE_PATIENCE_MS && rl_lease_has_writer(image.fd);
         waited_ms += 50)
        g_usleep(50 * 1000);
}

/* An earlier run has ended, and there was no space to commit it. If there still is none, this one
 * goes on with its image, as after a crash. */
static void
end_before(const RlVolume *volume, RlStartFlags flags)
{
    g_autoptr(GError) error = NULL;
    RlStop stop;

    if (!volume->dirty.there || (flags & (RL_START_RESTORED | RL_START_OVERLAID)))
        return;
    if (!rl_volume_stop_ended(volume->pool, volume->name->volume, &stop, &error))
        rl_log_warning("volume '%s': cannot end its last run: %s", volume->name->volume,
                       error->message);
}

/* With what it leads to now, or as before where the start has failed. That another file has the
 * path is told to who asks for that (short-path.h). */
static void
settle_path(RlVolume *volume)
{
    if (!rl_pool_has_links(volume->pool, volume->name->dir))
        return;
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "start", NULL);
    if (lock)
        rl_volume_path_settle_anew(volume->pool, volume->name->volume);
}

static bool
make_attempts(Start *start, GError **error)
{
    for (int i = 0; !start->done && i < ATTEMPTS_MAX; i++)
        if (!attempt(start, error))
            return false;
    return start->done || rl_fail(error, RL_ERROR_BUSY,
                                  "volume '%s' cannot be started: its images keep changing. Try "
                                  "again",
                                  start->volume->name->volume);
}

RlStarted *
rl_volume_start(const RlPool *pool, const char *name, const RlDomainRef *owner, RlStartFlags flags,
                GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    Start start = {.volume = volume, .owner = owner, .flags = flags};

    if (!volume)
        return NULL;
    volume->actor = owner->name;
    if (volume->kind == RL_KIND_PERSISTENT && !rl_volume_require_unshared(volume, error))
        return NULL;
    /* Who writes has it committed, and with that the clean image replaced: also by an older
     * definition of the domain whose disk is an overlay on it now ('virsh create'). Who only reads
     * turns the path, which QEMU opens anew to merge an overlay; so does who has one on it. */
    if (!(flags & RL_START_OVERLAID) ? !rl_state_require_no_base(volume, "started", error)
                                     : !rl_state_require_no_merge(volume, owner, error))
        return NULL;
    wait_until_free(volume, owner);
    end_before(volume, flags);
    bool done = make_attempts(&start, error);
    settle_path(volume);
    if (!done)
        return NULL;

    g_autoptr(RlStarted) started = g_new0(RlStarted, 1);
    started->volume = g_strdup(name);
    started->continued = start.continued;
    started->before = start.before;
    started->hold = start.hold;
    started->save = start.save;
    /* Who had the image open for writing, and was waited for, may have an overlay on it now. */
    if (!start.continued &&
        !rl_state_require_none_since(volume, owner, flags & RL_START_OVERLAID, error)) {
        rl_volume_unstart(pool, started, owner, NULL);
        return NULL;
    }
    rl_run_event_started(volume, flags, start.continued);
    return g_steal_pointer(&started);
}

void
rl_started_free(RlStarted *started)
{
    if (!started)
        return;
    g_free(started->volume);
    rl_image_owner_free(started->before);
    g_free(started->save);
    g_free(started);
}
