/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/ended-note.h"
#include "common/format/highest-note.h"
#include "common/format/image-id.h"
#include "common/format/image-overlays.h"
#include "common/format/image-save.h"
#include "common/fs/access-note.h"
#include "common/fs/lease.h"
#include "common/fs/project-id.h"
#include "common/fs/security-labels.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"
#include "common/image/dirty-image.h"
#include "common/image/new-revision.h"
#include "common/image/only-read.h"
#include "common/image/reader.h"
#include "common/image/suspect.h"
#include "common/image/temporary-files.h"
#include "common/image/unwritten.h"
#include "common/image/volume-path.h"
#include "common/pool/domains.h"
#include "common/pool/volume-state.h"
#include "common/pool/writers.h"
#include "run-event.h"
#include "stop-rules.h"
#include "takeover.h"

/* For writing, or for reading only: where a run is noted on it that counts as well. */
static bool
refuse_busy(const RlVolume *volume, GError **error)
{
    return rl_fail(error, RL_ERROR_BUSY,
                   "volume '%s': a process still has its dirty image open. End that process first",
                   volume->name->volume);
}

/* A person is told who it is. */
static bool
refuse_person(const RlVolume *volume, const RlImageOwner *run, GError **error)
{
    g_autofree char *domain = rl_domains_find_user(volume, run);
    g_autofree char *who = domain ? g_strdup_printf("domain '%s'", domain) : g_strdup("a process");

    return rl_fail(
        error, RL_ERROR_BUSY,
        "volume '%s' cannot be stopped: %s still has its dirty image open. End that process first",
        volume->name->volume, who);
}

/* Before the look at who has it open: after that nobody can open it any more who may not open the
 * clean image. */
static bool
bring_to_rest(const RlDirtyImage *image, int clean, GError **error)
{
    const RlVolume *volume = image->volume;
    int fd = image->fd;

    if (!rl_image_owner_expect_change(fd, image->run, error))
        return false;
    if (!(clean < 0 ? rl_access_put_back(fd, error) : rl_access_copy(clean, fd, error))) {
        g_prefix_error(error, "volume '%s': ", volume->name->volume);
        return false;
    }
    rl_security_labels_forget(fd);
    return true;
}

/* Whose it was, its mark as rl_mark_clear() does, the save, and who was above it. */
static bool
forget_run(int fd, GError **error)
{
    static const char *const keys[] = {RL_ATTR_RUN,     RL_ATTR_SAVE_FILE, RL_ATTR_SAVE_DIR,
                                       RL_ATTR_RESTORE, RL_ATTR_KEPT_OF,   RL_ATTR_LET_GO,
                                       RL_ATTR_HOLD,    RL_ATTR_SAVE,      RL_ATTR_BELOW};

    return rl_xattr_remove_all(fd, keys, G_N_ELEMENTS(keys), error);
}

static bool
keep_as_precache(const RlDirtyImage *image, const RlBase *base, GError **error)
{
    const RlVolume *volume = image->volume;
    int fd = image->fd;

    if (!bring_to_rest(image, base->fd, error))
        return false;
    /* As in a commit. */
    if (rl_lease_has_writer(fd))
        return refuse_busy(volume, error);
    if (!forget_run(fd, error))
        return false;
    rl_volume_path_let_go(volume);
    if (!rl_volume_rename(volume, volume->dirty_file, volume->precache_file, error))
        return false;
    return rl_volume_sync(volume, error);
}

static bool
commit(const RlDirtyImage *image, int clean, uint64_t *ret_made, GError **error)
{
    const RlVolume *volume = image->volume;
    int fd = image->fd;
    uint64_t number;
    bool linked;

    /* Half an edit would become a revision that is still written to. */
    if (rl_lease_has_writer(clean))
        return rl_clean_refuse_written(volume, error);
    if (!rl_reader_settle(clean, volume->name->volume, 0, error) ||
        !rl_new_revision_number(volume, clean, &number, &linked, error) ||
        !bring_to_rest(image, clean, error) || !rl_image_id_renew(fd, number, error) ||
        !rl_dirty_sync(volume, fd, error))
        return false;
    /* A guest that opened it while its data went to the disk writes on into what would be the clean
     * image. */
    if (rl_lease_has_writer(fd))
        return refuse_busy(volume, error);
    /* Who opens the volume's path from here on to write gets what is to be a revision. */
    rl_volume_path_let_go(volume);
    if (rl_lease_has_writer(clean))
        return rl_clean_refuse_written(volume, error);
    uint64_t made = number;
    if (!rl_new_revision_make(volume, clean, linked, &made, error))
        return false;
    /* A name was taken that the list did not show; the next one is another than was noted. */
    if (made != number && (!rl_highest_set(fd, made, error) || !rl_dirty_sync(volume, fd, error)))
        return false;
    if (!rl_volume_rename(volume, volume->dirty_file, volume->clean_file, error))
        return false;
    *ret_made = made;
    /* Not sooner: a commit that is cut off must still know a clean image that was replaced. */
    rl_image_base_clear(fd, NULL);
    return rl_volume_sync(volume, error);
}

static bool
drop_volatile(const RlVolume *volume, GError **error)
{
    uint64_t size = (uint64_t) volume->dirty.st.st_size;

    /* A size that libvirt gave it while it ran ('virsh blockresize') is kept; a resize of the
     * volume was recorded at once. */
    if (volume->record->capacity != size) {
        g_autoptr(RlRecord) record = rl_record_new(RL_KIND_VOLATILE, NULL, size);
        record->access = volume->record->access;
        g_autofree char *text =
            volume->pool->documents->record_format(record, volume->name->volume);
        if (!rl_tmpfile_write(volume->dir, volume->record_file, text, 0600, error))
            return false;
    }
    return rl_dirty_drop(volume, error);
}

static bool
return_direct(const RlDirtyImage *image, GError **error)
{
    const RlVolume *volume = image->volume;
    int fd = image->fd;
    uint64_t highest;

    if (!rl_new_revision_known_highest(volume, fd, &highest, error) ||
        !bring_to_rest(image, -1, error) || !rl_image_id_new(fd, highest, error) ||
        !rl_dirty_sync(volume, fd, error))
        return false;
    /* As in a commit. */
    if (rl_lease_has_writer(fd))
        return refuse_busy(volume, error);
    rl_volume_path_let_go(volume);
    if (rl_project_rename(volume->dir, volume->dirty_file, volume->clean_file, RENAME_NOREPLACE) <
        0)
        return rl_fail_errno(error, errno, "volume '%s': cannot rename its image%s",
                             volume->name->volume, rl_project_hint(errno));
    rl_volume_log(volume, "renamed %s to %s", volume->dirty_file, volume->clean_file);
    return rl_volume_sync(volume, error);
}

/* What the decision is about. */
typedef struct {
    const RlDirtyImage *image;
    const RlDomainRef *owner; /* or NULL */
    RlFacts facts;
    RlBase *base;  /* of a persistent volume or a snapshot, when it was asked for */
    char *domain;  /* whose overlay it is below */
    GError *cause; /* why it is refused */
    uint64_t made; /* the revision that a commit made */
} Stop;

static void
stop_clear(Stop *stop)
{
    rl_base_close(stop->base);
    g_free(stop->domain);
    g_clear_error(&stop->cause);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stop, stop_clear)

/* A snapshot may have no source, or none that can be read now: then there is nothing to keep the
 * image for. What is not as it was made is nobody's precache. */
static bool
look_if_unwritten(Stop *stop, bool *ret_unwritten, GError **error)
{
    const RlImageOwner *run = stop->image->run;
    const RlVolume *volume = stop->image->volume;
    bool snapshot = volume->kind == RL_KIND_SNAPSHOT;

    if (!rl_state_require_clean(volume, error))
        return false;
    stop->base = rl_base_open(volume, snapshot ? NULL : error);
    *ret_unwritten = stop->base && run &&
                     ((!snapshot && !run->readonly) || rl_dirty_dates_are_true(run->driver)) &&
                     rl_unwritten_is_sure(stop->image, stop->base);
    return stop->base || snapshot;
}

static char *
find_below(const Stop *stop)
{
    char *domain;

    if (!stop->owner)
        return rl_dirty_image_find_overlay(stop->image);
    domain = rl_overlays_find_other(stop->image->below, stop->owner);
    return domain ? domain : rl_dirty_image_find_own_overlay(stop->image, stop->owner);
}

static bool
ask(uint32_t fact, bool *ret_so, void *data, GError **error)
{
    Stop *stop = data;
    const RlDirtyImage *image = stop->image;
    const RlImageOwner *run = image->run;
    const RlVolume *volume = image->volume;

    switch ((RlStopFact) fact) {
    case RL_ENDED_FRESH:
        *ret_so = run && rl_image_owner_is_fresh(run);
        return true;
    case RL_ENDED_HELD:
        *ret_so = rl_image_owner_is_held(run, image->fd);
        return true;
    case RL_ENDED_SAVED:
        *ret_so = stop->owner ? image->mark == RL_MARK_SAVED : rl_dirty_image_is_saved(image);
        return true;
    case RL_ENDED_OPEN:
        *ret_so = rl_image_owner_is_open(run, image->fd);
        return true;
    case RL_ENDED_AWAITED:
        *ret_so = image->mark != RL_MARK_SAVED &&
                  !rl_state_require_not_starting(volume, run, &stop->cause);
        return true;
    case RL_ENDED_BELOW:
        stop->domain = find_below(stop);
        *ret_so = stop->domain;
        return true;
    case RL_ENDED_UNFIT:
        *ret_so = !rl_takeover_check(image, &stop->cause);
        return true;
    case RL_ENDED_UNWRITTEN:
        return look_if_unwritten(stop, ret_so, error);
    case RL_ENDED_WRITTEN:
        return rl_only_read_is_written(image, stop->base, ret_so, error);
    case RL_ENDED_OTHER_BASE:
        *ret_so = !rl_takeover_check_base(image, stop->base->id, &stop->cause);
        return true;
    default:
        g_assert_not_reached();
    }
}

static uint32_t
known_facts(const RlDirtyImage *image, const RlDomainRef *owner)
{
    const RlImageOwner *run = image->run;
    RlKind kind = image->volume->kind;

    return rl_facts_if(!owner, RL_ENDS_BY_HAND) |
           rl_facts_if(owner && rl_dirty_image_is_of(image, owner), RL_ENDED_OWN) |
           rl_facts_if(owner && run && run->readonly, RL_ENDED_SHARED) |
           rl_facts_if(run && run->arriving, RL_ENDED_HALF) |
           rl_facts_if(image->mark == RL_MARK_SUSPECT, RL_ENDED_SUSPECT) |
           rl_facts_if(image->mark == RL_MARK_FOREIGN, RL_ENDED_FOREIGN) |
           rl_facts_if(rl_mark_only_read(image->mark, run), RL_ENDED_ONLY_READ) |
           rl_facts_if(kind == RL_KIND_SNAPSHOT, RL_ENDED_SNAPSHOT) |
           rl_facts_if(kind == RL_KIND_VOLATILE, RL_ENDED_VOLATILE) |
           rl_facts_if(kind == RL_KIND_DIRECT, RL_ENDED_DIRECT);
}

static Stop
stop_of(const RlDirtyImage *image, const RlDomainRef *owner)
{
    return (Stop){
        .image = image,
        .owner = owner,
        .facts = {.known = RL_ENDED_FRESH - 1, .so = known_facts(image, owner), .ask = ask}};
}

/* The action of @rules; -1 with @error. */
static int
decide(Stop *stop, const RlDecision *rules, GError **error)
{
    stop->facts.data = stop;
    return rl_decide(rules, &stop->facts, error);
}

/* The image is left as it is: says so in @ret_stop, or why not. */
static bool
leave(Stop *stop, RlStopAction action, RlStop *ret_stop, GError **error)
{
    const RlDirtyImage *image = stop->image;
    const RlVolume *volume = image->volume;

    *ret_stop = RL_STOP_HELD;
    switch (action) {
    case RL_ENDING_LEFT:
        *ret_stop = RL_STOP_NOT_OWNED;
        return rl_image_owner_leave(image->fd, image->run, error);
    case RL_ENDING_NOT_OWNED:
        *ret_stop = RL_STOP_NOT_OWNED;
        return true;
    case RL_ENDING_HELD:
        if (image->mark == RL_MARK_SUSPECT)
            rl_suspect_mark_late(image->fd);
        return true;
    case RL_ENDING_KEPT_BELOW:
        rl_log_warning("volume '%s' is left unchanged: domain '%s' has an overlay on it",
                       volume->name->volume, stop->domain);
        return true;
    case RL_ENDING_BUSY:
        return refuse_busy(volume, error);
    case RL_ENDING_RUNNING:
        return refuse_person(volume, image->run, error);
    case RL_ENDING_FOREIGN:
        return rl_state_require_clean(volume, error) &&
               rl_state_refuse_foreign(volume, "stopped", error);
    case RL_ENDING_BELOW:
        return rl_state_refuse_below(volume, "stopped", stop->domain, error);
    case RL_ENDING_WRITTEN:
        return rl_only_read_refuse(image, "stopped", error);
    case RL_ENDING_AWAITED:
    case RL_ENDING_UNFIT:
    case RL_ENDING_OTHER_BASE:
        g_propagate_error(error, g_steal_pointer(&stop->cause));
        return false;
    default:
        return true;
    }
}

/* Does it. */
static bool
end(Stop *stop, RlStopAction action, RlStop *ret_stop, GError **error)
{
    const RlVolume *volume = stop->image->volume;

    switch (action) {
    case RL_ENDING_PRECACHE:
        *ret_stop = RL_STOP_UNWRITTEN;
        return keep_as_precache(stop->image, stop->base, error);
    case RL_ENDING_DROP:
        *ret_stop = RL_STOP_DROPPED;
        return rl_dirty_drop(volume, error);
    case RL_ENDING_DROP_VOLATILE:
        *ret_stop = RL_STOP_DROPPED;
        return drop_volatile(volume, error);
    case RL_ENDING_RETURN:
        *ret_stop = RL_STOP_RETURNED;
        return return_direct(stop->image, error);
    case RL_ENDING_COMMIT:
        *ret_stop = RL_STOP_COMMITTED;
        return commit(stop->image, stop->base->fd, &stop->made, error);
    default:
        return leave(stop, action, ret_stop, error);
    }
}

/* A guest's last writes may take long to reach the disk, and nobody has to wait for them with the
 * lock. */
static bool
sync_ahead(const RlVolume *volume, const RlDomainRef *owner, GError **error)
{
    g_auto(RlDirtyImage) image = {.fd = -1};
    RlStop result;

    if (volume->kind != RL_KIND_PERSISTENT && volume->kind != RL_KIND_DIRECT)
        return true;
    /* Gone: somebody else ended it. What is there now is seen with the lock. */
    if (!rl_dirty_image_open(volume, &image, error))
        return false;
    if (image.fd < 0)
        return true;
    g_auto(Stop) stop = stop_of(&image, owner);
    int action = decide(&stop, rl_stop_whose_rules(), error);
    if (action == RL_ENDING_GOES_ON)
        return rl_dirty_sync(volume, image.fd, error);
    return action == RL_ENDING_LEFT ||
           (action >= 0 && leave(&stop, (RlStopAction) action, &result, error));
}

/* Where there is no space for the end nothing is lost, and it is done when there is (ended-note.h).
 */
static bool
end_run(Stop *stop, RlStop *ret_stop, GError **error)
{
    const RlVolume *volume = stop->image->volume;
    const RlImageOwner *run = stop->image->run;
    int fd = stop->image->fd;
    g_autofree char *remembered = rl_dirty_remember(volume, fd);
    g_autoptr(GError) cause = NULL;
    RlMark mark;

    int action = decide(stop, rl_stop_image_rules(), &cause);
    bool done = action >= 0 && end(stop, (RlStopAction) action, ret_stop, &cause);
    rl_volume_path_settle_anew(volume->pool, volume->name->volume);
    if (done) {
        if (run && run->ended)
            rl_ended_forget(fd);
        rl_run_event_ended(volume, run, *ret_stop, stop->made);
        return true;
    }
    rl_dirty_give_back(volume, fd, run, remembered);
    if (run && rl_ended_means_full(cause) && rl_mark_get(fd, &mark, NULL) &&
        mark != RL_MARK_SUSPECT) {
        rl_ended_note(volume->pool->dev, volume->pool->ino, volume->name->volume, fd,
                      run->since_us);
        g_prefix_error(&cause,
                       "volume '%s': its run has ended, but there is no space to commit it (free "
                       "some space, then 'virsh pool-refresh' or 'virt-reflink stop'): ",
                       volume->name->volume);
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_volume_stop(const RlPool *pool, const char *name, const RlDomainRef *owner, RlStop *ret_stop,
               GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!volume)
        return false;
    volume->actor = owner ? owner->name : NULL;
    if (!sync_ahead(volume, owner, error))
        return false;

    if (!rl_dirty_image_lock(volume, "stop", &image, error))
        return false;
    if (image.fd < 0) {
        *ret_stop = RL_STOP_NOTHING;
        return true;
    }
    g_auto(Stop) stop = stop_of(&image, owner);
    int action = decide(&stop, rl_stop_whose_rules(), error);
    if (action < 0)
        return false;
    if (action == RL_ENDING_GOES_ON)
        return end_run(&stop, ret_stop, error);
    return leave(&stop, (RlStopAction) action, ret_stop, error);
}

bool
rl_volume_stop_ended(const RlPool *pool, const char *name, RlStop *ret_stop, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    *ret_stop = RL_STOP_NOTHING;
    if (!volume || !rl_dirty_image_open(volume, &image, error))
        return false;
    const RlImageOwner *run = image.run;
    if (!run || !run->ended)
        return true;
    /* An external snapshot that was made since the run ended has this image for its base. */
    if (!rl_state_require_not_below(&image, "stopped", error))
        return false;
    /* That run, and none that may have begun since. */
    RlDomainRef owner = {
        .driver = run->driver, .uuid = run->uuid, .name = run->name, .until_us = run->since_us};
    rl_fd_close(&image.fd);
    return rl_volume_stop(pool, name, &owner, ret_stop, error);
}
