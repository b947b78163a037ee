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
#include "common/format/highest.h"
#include "common/format/image-base.h"
#include "common/format/image-id.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/format/image-save.h"
#include "common/fs/lease.h"
#include "common/fs/project-id.h"
#include "common/fs/tmpfile.h"
#include "common/image/dirty-image.h"
#include "common/image/new-revision.h"
#include "common/image/only-read.h"
#include "common/image/reader.h"
#include "common/image/trash.h"
#include "common/image/unwritten.h"
#include "common/pool/domains.h"
#include "common/pool/volume-state.h"
#include "common/pool/writers.h"
#include "takeover.h"

/* For writing, or for reading only: where a run is noted on it that counts as well. */
static bool
refuse_busy(const RlVolume *volume, GError **error)
{
    return rl_fail(error, RL_ERROR_BUSY, "volume '%s': somebody still has its dirty image open",
                   volume->name->volume);
}

/* A person is told who it is. */
static bool
refuse_person(const RlVolume *volume, const RlImageOwner *run, GError **error)
{
    g_autofree char *domain = rl_domains_find_user(volume, run);
    g_autofree char *who = domain ? g_strdup_printf("domain '%s'", domain) : g_strdup("somebody");

    return rl_fail(error, RL_ERROR_BUSY, "volume '%s': %s still has its dirty image open",
                   volume->name->volume, who);
}

/* Before the look at who has it open: after that nobody can open it any more who may not open the
 * clean image. */
static bool
bring_to_rest(const RlVolume *volume, int fd, int clean, GError **error)
{
    if (!(clean < 0 ? rl_access_put_back(fd, error) : rl_access_copy(clean, fd, error))) {
        g_prefix_error(error, "volume '%s': ", volume->name->volume);
        return false;
    }
    rl_access_forget_labels(fd);
    return true;
}

static bool
keep_as_precache(const RlVolume *volume, int fd, const RlBase *base, RlStop *ret_stop,
                 GError **error)
{
    if (!bring_to_rest(volume, fd, base->fd, error))
        return false;
    /* As in a commit. */
    if (rl_lease_has_writer(fd))
        return refuse_busy(volume, error);
    if (!rl_image_owner_clear(fd, error) || !rl_mark_clear(fd, error) ||
        !rl_save_clear(fd, error) || !rl_overlays_clear(fd, error) ||
        !rl_volume_rename(volume, volume->dirty_file, volume->precache_file, error))
        return false;
    *ret_stop = RL_STOP_UNWRITTEN;
    return rl_volume_sync(volume, error);
}

static bool
commit(const RlVolume *volume, int fd, RlStop *ret_stop, GError **error)
{
    rl_autofd int clean = rl_volume_open_image(volume, volume->clean_file, error);
    uint64_t number;
    bool linked;

    /* Half an edit would become a revision that is still written to. */
    if (clean >= 0 && rl_lease_has_writer(clean))
        return rl_clean_refuse_written(volume, error);
    if (clean >= 0)
        rl_reader_settle(clean, volume->name->volume);
    if (clean < 0 || !rl_new_revision_number(volume, clean, &number, &linked, error) ||
        !bring_to_rest(volume, fd, clean, error) || !rl_image_id_renew(fd, number, error) ||
        !rl_dirty_sync(volume, fd, error))
        return false;
    /* A guest that opened it while its data went to the disk writes on into what would be the clean
     * image. */
    if (rl_lease_has_writer(fd))
        return refuse_busy(volume, error);
    if (rl_lease_has_writer(clean))
        return rl_clean_refuse_written(volume, error);
    uint64_t made;
    if (!rl_new_revision_make(volume, clean, &made, error))
        return false;
    /* A name was taken that the list did not show; the next one is another than was noted. */
    if (made != number && (!rl_highest_set(fd, made, error) || !rl_dirty_sync(volume, fd, error)))
        return false;
    if (!rl_volume_rename(volume, volume->dirty_file, volume->clean_file, error))
        return false;
    /* Not sooner: a commit that is cut off must still know a clean image that was replaced. */
    rl_image_base_clear(fd, NULL);
    *ret_stop = RL_STOP_COMMITTED;
    return rl_volume_sync(volume, error);
}

static bool
stop_persistent(const RlVolume *volume, int fd, const RlImageOwner *run, RlStop *ret_stop,
                GError **error)
{
    g_autoptr(RlBase) base =
        rl_state_require_clean(volume, error) ? rl_base_open(volume, error) : NULL;
    RlMark hold;
    bool written;

    if (!base || !rl_mark_get(fd, &hold, error))
        return false;
    /* What a domain only read is nobody's writes; what is not as it was made is nobody's precache.
     */
    if (run && (!run->readonly || rl_dirty_dates_are_true(run->driver)) &&
        rl_unwritten_is_sure(volume, fd, run, base))
        return keep_as_precache(volume, fd, base, ret_stop, error);
    if (rl_mark_only_read(hold, run)) {
        if (!rl_only_read_is_written(volume, fd, run, &written, error))
            return false;
        if (written)
            return rl_only_read_refuse(volume, fd, run, "stopped", error);
        *ret_stop = RL_STOP_DROPPED;
        return rl_dirty_drop(volume, error);
    }
    /* Also at the end of a run: it does not take the place of what was put there meanwhile. */
    return rl_takeover_check_base(volume, fd, error) && commit(volume, fd, ret_stop, error);
}

static bool
stop_snapshot(const RlVolume *volume, int fd, const RlImageOwner *run, RlStop *ret_stop,
              GError **error)
{
    /* No source, or none that can be read now: then there is nothing to keep the image for. */
    g_autoptr(RlBase) base = rl_base_open(volume, NULL);

    if (base && run && rl_dirty_dates_are_true(run->driver) &&
        rl_unwritten_is_sure(volume, fd, run, base))
        return keep_as_precache(volume, fd, base, ret_stop, error);
    *ret_stop = RL_STOP_DROPPED;
    return rl_dirty_drop(volume, error);
}

static bool
stop_volatile(const RlVolume *volume, RlStop *ret_stop, GError **error)
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
    *ret_stop = RL_STOP_DROPPED;
    return rl_dirty_drop(volume, error);
}

static bool
stop_direct(const RlVolume *volume, int fd, RlStop *ret_stop, GError **error)
{
    uint64_t highest;

    if (!rl_new_revision_known_highest(volume, fd, &highest, error) ||
        !bring_to_rest(volume, fd, -1, error) || !rl_image_id_new(fd, highest, error) ||
        !rl_dirty_sync(volume, fd, error))
        return false;
    /* As in a commit. */
    if (rl_lease_has_writer(fd))
        return refuse_busy(volume, error);
    if (rl_project_rename(volume->dir, volume->dirty_file, volume->clean_file, RENAME_NOREPLACE) <
        0)
        return rl_fail_errno(error, errno, "volume '%s': cannot rename its image%s",
                             volume->name->volume, rl_project_hint(errno));
    rl_volume_log(volume, "renamed %s to %s", volume->dirty_file, volume->clean_file);
    *ret_stop = RL_STOP_RETURNED;
    return rl_volume_sync(volume, error);
}

static bool
stop_kind(const RlVolume *volume, int fd, const RlImageOwner *run, RlStop *ret_stop, GError **error)
{
    switch (volume->kind) {
    case RL_KIND_PERSISTENT:
        return stop_persistent(volume, fd, run, ret_stop, error);
    case RL_KIND_SNAPSHOT:
        return stop_snapshot(volume, fd, run, ret_stop, error);
    case RL_KIND_VOLATILE:
        return stop_volatile(volume, ret_stop, error);
    case RL_KIND_DIRECT:
        return stop_direct(volume, fd, ret_stop, error);
    }
    g_assert_not_reached();
}

/* Whose is it, and may it be touched? True with *@ret_go_on false where it is to be left alone, as
 * @ret_stop says. */
static bool
check(const RlVolume *volume, int fd, const RlDomainRef *owner, const RlImageOwner *run,
      bool *ret_go_on, RlStop *ret_stop, GError **error)
{
    RlMark hold;

    *ret_go_on = false;
    /* Of those who share an image that is only read, the last to stop ends it. */
    bool shared = run && run->readonly && owner;
    bool ours = !owner || (run && rl_image_owner_is_of(run, owner));
    if ((!ours && (!shared || rl_image_owner_is_fresh(run))) ||
        (shared && rl_image_owner_is_held(run, fd))) {
        *ret_stop = RL_STOP_NOT_OWNED;
        return true;
    }
    if (!rl_mark_get(fd, &hold, error))
        return false;
    /* A person may end what has no memory any more. */
    bool saved = hold == RL_MARK_SAVED && (owner || !rl_mark_file_is_gone(fd));
    /* What came of a migration that was broken off is no run. */
    bool half = run && run->arriving;
    if (saved || half || hold == RL_MARK_SUSPECT) {
        *ret_stop = RL_STOP_HELD;
        return true;
    }
    if (owner && rl_image_owner_is_open(run, fd))
        return refuse_busy(volume, error);
    if (!owner && rl_image_owner_is_held(run, fd))
        return refuse_person(volume, run, error);
    if (hold == RL_MARK_FOREIGN)
        return rl_state_require_clean(volume, error) &&
               rl_state_refuse_foreign(volume, "stopped", error);
    if (!owner && hold != RL_MARK_SAVED && !rl_state_require_not_starting(volume, run, error))
        return false;
    /* Another domain that is off has an overlay on what this one ran on; or this one still has,
     * and ran on what is below. */
    g_autofree char *below = NULL;
    if (owner && !rl_overlays_other(fd, owner, &below, error))
        return false;
    if (owner && !below && !rl_domains_find_own_overlay(volume, fd, owner, &below, error))
        return false;
    if (below) {
        rl_log_warning("%s: stays as it is: domain '%s' has an overlay on it", volume->name->volume,
                       below);
        *ret_stop = RL_STOP_HELD;
        return true;
    }
    *ret_go_on = true;
    return true;
}

/* A guest's last writes may take long to reach the disk, and nobody has to wait for them with the
 * lock. */
static bool
sync_ahead(const RlVolume *volume, const RlDomainRef *owner, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = -1;
    RlStop stop;
    bool go_on;

    if (!volume->dirty.there ||
        (volume->kind != RL_KIND_PERSISTENT && volume->kind != RL_KIND_DIRECT))
        return true;
    fd = rl_volume_open_image(volume, volume->dirty_file, &cause);
    if (rl_error_is_errno(cause, ENOENT))
        return true; /* somebody else ended it: what is there now is seen with the lock */
    if (cause)
        g_propagate_error(error, g_steal_pointer(&cause));
    if (fd < 0 || !rl_image_owner_get(fd, &run, error) ||
        !check(volume, fd, owner, run, &go_on, &stop, error))
        return false;
    return !go_on || rl_dirty_sync(volume, fd, error);
}

/* Where there is no space for the end nothing is lost, and it is done when there is (ended-note.h).
 */
static bool
end_run(const RlVolume *volume, int fd, const RlImageOwner *run, RlStop *ret_stop, GError **error)
{
    g_autofree char *remembered = rl_dirty_remember(volume, fd);
    g_autoptr(GError) cause = NULL;
    RlMark hold;

    if (stop_kind(volume, fd, run, ret_stop, &cause)) {
        if (run && run->ended)
            rl_ended_forget(fd);
        return true;
    }
    rl_dirty_give_back(volume, fd, run, remembered);
    if (run && rl_ended_means_full(cause) && rl_mark_get(fd, &hold, NULL) &&
        hold != RL_MARK_SUSPECT) {
        rl_ended_note(volume->pool->dev, volume->pool->ino, volume->name->volume, fd,
                      run->since_us);
        g_prefix_error(&cause,
                       "volume '%s': its run has ended, and its dirty image waits for space to be "
                       "put away (make some, then: virsh pool-refresh, or virt-reflink stop): ",
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
    g_autoptr(RlImageOwner) run = NULL;
    bool go_on;

    if (!volume)
        return false;
    volume->actor = owner ? owner->name : NULL;
    if (!sync_ahead(volume, owner, error))
        return false;

    g_autoptr(RlLock) lock = rl_volume_lock(volume, "stop", error);
    if (!lock)
        return false;
    if (!volume->dirty.there) {
        *ret_stop = RL_STOP_NOTHING;
        return true;
    }
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, error);
    if (fd < 0 || !rl_image_owner_get(fd, &run, error) ||
        !check(volume, fd, owner, run, &go_on, ret_stop, error))
        return false;
    if (!go_on && *ret_stop == RL_STOP_NOT_OWNED && owner && run &&
        rl_image_owner_is_of(run, owner))
        return rl_image_owner_leave(fd, run, error);
    /* Whose domain has just stopped knows what it left; a person who ends what was found does not.
     */
    if (go_on && !owner &&
        (!rl_state_require_not_below(volume, fd, run, "stopped", error) ||
         !rl_takeover_check(volume, fd, error)))
        return false;
    return !go_on || end_run(volume, fd, run, ret_stop, error);
}

bool
rl_volume_stop_ended(const RlPool *pool, const char *name, RlStop *ret_stop, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = -1;

    *ret_stop = RL_STOP_NOTHING;
    if (!volume || !volume->dirty.there)
        return volume != NULL;
    fd = rl_volume_open_image(volume, volume->dirty_file, error);
    if (fd < 0 || !rl_image_owner_get(fd, &run, error))
        return false;
    if (!run || !run->ended)
        return true;
    /* An external snapshot that was made since the run ended has this image for its base. */
    if (!rl_state_require_not_below(volume, fd, run, "stopped", error))
        return false;
    /* That run, and none that may have begun since. */
    RlDomainRef owner = {
        .driver = run->driver, .uuid = run->uuid, .name = run->name, .until_us = run->since_us};
    return rl_volume_stop(pool, name, &owner, ret_stop, error);
}
