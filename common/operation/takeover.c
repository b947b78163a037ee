/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "takeover.h"

#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-base.h"
#include "common/format/image-id.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/format/image-save.h"
#include "common/fs/lease.h"
#include "common/fs/xattr.h"
#include "common/image/only-read.h"
#include "common/image/restore-fit.h"
#include "common/pool/capacity.h"
#include "common/pool/domains.h"
#include "common/pool/volume-state.h"

static bool
refuse_in_use(const RlVolume *volume, const RlImageOwner *run, GError **error)
{
    if (!run)
        return rl_fail(error, RL_ERROR_BUSY,
                       "volume '%s' is in use: somebody has its dirty image open for writing",
                       volume->name->volume);
    if (rl_image_owner_is_by_hand(run)) {
        g_autofree char *domain = rl_domains_find_user(volume, run);
        return rl_fail(error, RL_ERROR_BUSY,
                       "volume '%s' is in use: it was started by hand, with 'virt-reflink start'"
                       "%s%s%s",
                       volume->name->volume, domain ? ", and domain '" : "", domain ? domain : "",
                       domain ? "' has it as a disk" : "");
    }
    return rl_fail(error, RL_ERROR_BUSY, "volume '%s' is in use by domain '%s' (%s, %s)",
                   volume->name->volume, run->name, run->driver, run->uuid);
}

/* What was saved or kept is as its domain or a person wanted it. */
static bool
check_size(const RlVolume *volume, int fd, RlMark hold, GError **error)
{
    off_t dirty = volume->dirty.st.st_size, clean = volume->clean.st.st_size;
    uint64_t asked;

    if (dirty >= clean || hold == RL_MARK_SAVED || hold == RL_MARK_RESTORED ||
        rl_mark_is_kept(hold))
        return true;
    if (!rl_xattr_get_number(fd, RL_ATTR_SIZE, &asked, error))
        return false;
    if (asked != 0 && (uint64_t) dirty >= asked)
        return true;
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' was left with a dirty image that is smaller than its clean one (%lld and %lld "
        "bytes), and no resize of the volume is noted: if its domain made it so ('virsh "
        "blockresize'), 'virt-reflink continue' takes it as it is; if it is damaged, 'virt-reflink "
        "discard' goes back to the clean one",
        volume->name->volume, (long long) dirty, (long long) clean);
}

static char *
date_of(const struct stat *st)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(st->st_mtim.tv_sec);

    return date ? g_date_time_format(date, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("no readable date");
}

static bool
refuse_other_base(const RlVolume *volume, GError **error)
{
    g_autofree char *dirty = date_of(&volume->dirty.st), *clean = date_of(&volume->clean.st);

    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' has a dirty image (written %s) that was made from another clean image than is "
        "there now (of %s), as after a clean image was put back from a backup, or edited: decide "
        "which one is "
        "right: 'virt-reflink discard' drops the dirty image, and what its domain wrote; "
        "'virt-reflink continue' goes on with it, and the clean image becomes a revision",
        volume->name->volume, dirty, clean);
}

/* Opens the clean image that the dirty image @fd may have been made from. True with -1 where
 * nothing is noted that could be compared: another driver made it, or the version before this one,
 * whose commit was cut off. */
static bool
open_base(const RlVolume *volume, int fd, int *ret_clean, GError **error)
{
    g_autofree char *base = NULL;

    *ret_clean = -1;
    if (!rl_image_base_get(fd, &base, error))
        return false;
    if (base)
        *ret_clean = rl_volume_open_image(volume, volume->clean_file, error);
    return !base || *ret_clean >= 0;
}

bool
rl_takeover_check_base(const RlVolume *volume, int fd, GError **error)
{
    rl_autofd int clean = -1;
    g_autofree char *id = NULL;
    bool same;

    if (!open_base(volume, fd, &clean, error))
        return false;
    return clean < 0 || (rl_image_id_get(clean, &id, error) &&
                         rl_image_base_is(fd, id, &volume->clean.st, &same, error) &&
                         (same || refuse_other_base(volume, error)));
}

bool
rl_takeover_check(const RlVolume *volume, int fd, GError **error)
{
    RlMark hold;

    if (!rl_state_require_unlinked(volume, error))
        return false;
    if (volume->kind != RL_KIND_PERSISTENT)
        return true;
    return rl_state_require_clean(volume, error) && rl_takeover_check_base(volume, fd, error) &&
           rl_mark_get(fd, &hold, error) && check_size(volume, fd, hold, error);
}

/* What the dirty image was made from is the clean image that is there now. */
static bool
accept_base(const RlVolume *volume, int fd, GError **error)
{
    rl_autofd int clean = -1;
    g_autofree char *id = NULL;
    bool same;

    if (!open_base(volume, fd, &clean, error))
        return false;
    return clean < 0 || (rl_image_id_ensure(clean, &id, error) &&
                         rl_image_base_is(fd, id, &volume->clean.st, &same, error) &&
                         (same || rl_image_base_set(fd, id, &volume->clean.st, error)));
}

bool
rl_takeover_accept(const RlVolume *volume, int fd, GError **error)
{
    off_t size = volume->dirty.st.st_size;

    if (volume->kind != RL_KIND_PERSISTENT || !volume->clean.there)
        return true;
    return accept_base(volume, fd, error) &&
           (size >= volume->clean.st.st_size ||
            rl_xattr_set_number(fd, RL_ATTR_SIZE, (uint64_t) size, error));
}

/* A domain's memory knows what was on the disk that it was saved with. */
static bool
refuse_other(const RlVolume *volume, const RlDomainRef *owner, GError **error)
{
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' has another dirty image than the one that the saved memory of domain '%s' "
        "belongs to: start it without that memory ('virsh start'; if it was saved by 'virsh "
        "managedsave', after 'virsh managedsave-remove')",
        volume->name->volume, owner->name);
}

/* Through a loop device the end of an image within a sector is out of reach: who had it, under
 * another driver, would miss it. */
static bool
check_sectors(const RlVolume *volume, const RlImageOwner *run, const RlDomainRef *owner,
              GError **error)
{
    uint64_t size = (uint64_t) volume->dirty.st.st_size;

    if (strcmp(owner->driver, "libxl") != 0 || rl_capacity_is_whole(size) ||
        (run && strcmp(run->driver, owner->driver) == 0))
        return true;
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' was left with a dirty image of %" G_GUINT64_FORMAT
                   " bytes, and Xen can serve whole sectors of %d only, without the end: first "
                   "resize it ('virsh vol-resize') to %" G_GUINT64_FORMAT " bytes",
                   volume->name->volume, size, RL_SECTOR, rl_capacity_round(size));
}

/* A migration to here was broken off, or the host was lost meanwhile. The next one writes over the
 * whole image. It is not dropped for that: only the run that has begun shows whether it is a
 * migration (rl_volume_refute_arrival()). */
static bool
decide_arrival(const RlVolume *volume, int fd, RlStartFlags flags, RlTakeover *ret_takeover,
               GError **error)
{
    if (!(flags & RL_START_ARRIVING))
        return rl_state_refuse_half(volume, "started", error);
    *ret_takeover = RL_TAKEOVER_CONTINUE;
    return rl_takeover_check(volume, fd, error);
}

/* What becomes of a dirty image that nobody runs on and that no mark protects. */
static bool
decide_leftover(const RlVolume *volume, int fd, const RlImageOwner *run, const RlDomainRef *owner,
                RlMark hold, RlStartFlags flags, RlTakeover *ret_takeover, GError **error)
{
    bool kept = hold != RL_MARK_NONE || (flags & RL_START_OVERLAID);
    bool only_read = rl_mark_only_read(hold, run);
    bool dropped_kind = volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE;
    bool written;

    /* What nobody wrote to, or what is made anew at each start, holds nothing. */
    if (!kept && (dropped_kind || (only_read && volume->kind == RL_KIND_PERSISTENT))) {
        if (flags & RL_START_RESTORED)
            return refuse_other(volume, owner, error);
        *ret_takeover = RL_TAKEOVER_DROP;
        if (dropped_kind)
            return true;
        return rl_only_read_is_written(volume, fd, run, &written, error) &&
               (!written || rl_only_read_refuse(volume, fd, run, "started", error));
    }
    if (!rl_takeover_check(volume, fd, error) || !check_sectors(volume, run, owner, error))
        return false;
    if (flags & RL_START_ARRIVING)
        return rl_state_refuse_left(volume, ", which a migration to here would write over", error);
    /* A domain that only reads gets the clean image's content. It must not find a guest's
     * unfinished writes, nor have them dropped when it stops. */
    if ((flags & RL_START_READONLY) && !only_read)
        return rl_state_refuse_left(volume, ", and a domain that only reads cannot have it", error);
    *ret_takeover = RL_TAKEOVER_CONTINUE;
    return true;
}

/* Domains that only read do not hurt each other: an installation medium is many domains' disk. What
 * a dead run has left holds what the clean image was then; a direct volume's is that itself. */
static bool
may_be_shared(const RlVolume *volume, int fd, const RlImageOwner *run, RlMark hold,
              RlStartFlags flags)
{
    if (!(flags & RL_START_READONLY) || !run || !run->readonly || hold != RL_MARK_NONE ||
        rl_lease_has_writer(fd))
        return false;
    return volume->kind == RL_KIND_DIRECT || rl_image_owner_is_fresh(run) ||
           rl_image_owner_is_held(run, fd);
}

/* An older memory or definition of the domain itself has the image as its disk, and the present one
 * an overlay on it. */
static bool
refuse_own_overlay(const RlVolume *volume, const char *domain, GError **error)
{
    if (!rl_domains_require_told(volume, "started", domain, error))
        return false;
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' cannot be started: it is below an external snapshot of domain '%s', whose "
        "disk would be destroyed; start the domain on that ('virsh start'), or merge it first "
        "('virsh blockcommit --active --pivot' while the domain runs); to give up what the overlay "
        "has, first define the domain with this volume as its disk",
        volume->name->volume, domain);
}

bool
rl_takeover_decide(const RlVolume *volume, int fd, const RlImageOwner *run,
                   const RlDomainRef *owner, RlStartFlags flags, RlTakeover *ret_takeover,
                   GError **error)
{
    bool ours = run && rl_image_owner_is_of(run, owner);
    g_autofree char *below = NULL, *own = NULL;
    RlMark hold;

    if (!rl_mark_get(fd, &hold, error))
        return false;
    if (may_be_shared(volume, fd, run, hold, flags)) {
        *ret_takeover = RL_TAKEOVER_SHARE;
        return true;
    }
    if (ours ? rl_image_owner_is_open(run, fd) : rl_image_owner_is_held(run, fd))
        return refuse_in_use(volume, run, error);
    if (hold == RL_MARK_SUSPECT)
        return rl_state_require_idle(volume, "started", error);
    if (hold == RL_MARK_FOREIGN)
        return rl_state_require_clean(volume, error) &&
               rl_state_refuse_foreign(volume, "started", error);
    if (!(flags & RL_START_OVERLAID) &&
        !rl_domains_find_own_overlay(volume, fd, owner, &own, error))
        return false;
    if (own)
        return refuse_own_overlay(volume, own, error);
    if ((flags & RL_START_RESTORED) && (ours || !run) &&
        !rl_fits_require(volume, fd, run, hold, owner, error))
        return false;
    if (ours && (flags & RL_START_RESTORED) && rl_mark_restore_is_announced(fd)) {
        *ret_takeover = RL_TAKEOVER_RESTORE;
        return rl_takeover_check(volume, fd, error);
    }
    /* Without its memory a saved domain is one that crashed. */
    if (hold == RL_MARK_SAVED && !rl_mark_file_is_gone(fd))
        return rl_state_require_idle(volume, "started", error);
    /* What an administrator began is not waited for by a domain whose overlay lies on it. */
    bool for_overlay = run && rl_image_owner_is_by_hand(run) && (flags & RL_START_OVERLAID);
    if (run && !ours && !for_overlay && hold != RL_MARK_SAVED && rl_image_owner_is_fresh(run))
        return refuse_in_use(volume, run, error);
    if (!rl_overlays_other(fd, owner, &below, error))
        return false;
    /* The run of somebody else who is not there any more, and may have ended without a hook. */
    if (!below && run && !ours && !(flags & RL_START_OVERLAID))
        below = rl_domains_find_overlay(volume, owner);
    if (below && !(flags & RL_START_OVERLAID))
        return rl_state_refuse_below(volume, "started", below, error);
    if ((flags & RL_START_RESTORED) && run && !ours)
        return refuse_other(volume, owner, error);
    if (hold == RL_MARK_NONE && rl_state_is_half(volume, run))
        return decide_arrival(volume, fd, flags, ret_takeover, error);
    return decide_leftover(volume, fd, run, owner, hold, flags, ret_takeover, error);
}

bool
rl_takeover_mark(int fd, const RlDomainRef *owner, const RlImageOwner *run, RlStartFlags flags,
                 RlTakeover takeover, GError **error)
{
    RlOwnerTraits traits = {.written = true,
                            .readonly = flags & RL_START_READONLY,
                            .continued = true,
                            .arriving = flags & RL_START_ARRIVING};
    RlMark hold;

    if ((flags & RL_START_RESTORED) && !rl_save_try(fd, owner->memory, error))
        return false;
    if (takeover == RL_TAKEOVER_SHARE)
        traits = (RlOwnerTraits){.written = run->written, .readonly = true};
    /* What a restored domain only read before, it only reads now. */
    if (takeover == RL_TAKEOVER_RESTORE)
        traits.readonly = run->readonly;
    if (!rl_mark_get(fd, &hold, error) || !rl_image_owner_set(fd, owner, traits, error))
        return false;
    /* What was kept once is kept again if this start fails. */
    if (hold == RL_MARK_NONE || rl_mark_set(fd, RL_MARK_RESTORED, error))
        return true;
    if (!(run ? rl_image_owner_put_back(fd, run, NULL) : rl_image_owner_clear(fd, NULL)))
        rl_log_warning("cannot take back that domain %s has an image", owner->name);
    return false;
}
