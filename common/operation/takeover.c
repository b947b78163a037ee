/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "takeover.h"

#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-base.h"
#include "common/format/image-domain.h"
#include "common/format/image-id.h"
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
        return rl_fail(
            error, RL_ERROR_BUSY,
            "volume '%s' is in use: a process has its dirty image open for writing. End that "
            "process, then try again",
            volume->name->volume);
    if (rl_image_owner_is_by_hand(run)) {
        g_autofree char *domain = rl_domains_find_user(volume, run);
        return rl_fail(error, RL_ERROR_BUSY,
                       "volume '%s' is in use: it was started with 'virt-reflink start'%s%s%s. "
                       "Stop it with 'virt-reflink stop'",
                       volume->name->volume, domain ? ", and domain '" : "", domain ? domain : "",
                       domain ? "' has it as a disk" : "");
    }
    return rl_fail(error, RL_ERROR_BUSY,
                   "volume '%s' is in use by domain '%s' (%s, %s). Shut that domain down first",
                   volume->name->volume, run->name, run->driver, run->uuid);
}

/* What was saved or kept is as its domain or a person wanted it. */
static bool
check_size(const RlDirtyImage *image, GError **error)
{
    const RlVolume *volume = image->volume;
    off_t dirty = volume->dirty.st.st_size, clean = volume->clean.st.st_size;
    uint64_t asked;

    if (dirty >= clean || image->mark == RL_MARK_SAVED || image->mark == RL_MARK_RESTORED ||
        rl_mark_is_kept(image->mark))
        return true;
    if (!rl_xattr_get_number(image->fd, RL_ATTR_SIZE, &asked, error))
        return false;
    if (asked != 0 && (uint64_t) dirty >= asked)
        return true;
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' has a leftover dirty image that is smaller than its clean image "
                   "(%lld and %lld bytes), and no resize of the volume is recorded. If 'virsh "
                   "blockresize' made it smaller, accept it with 'virt-reflink continue'. If it is "
                   "damaged, drop it with 'virt-reflink discard'",
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

    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' has a dirty image (written %s) that was made from another clean "
                   "image than the present one (of %s): the clean image was edited, or restored "
                   "from a backup. Decide which of the two is right: 'virt-reflink discard' drops "
                   "the dirty image and what its domain wrote; 'virt-reflink continue' continues "
                   "with it, and the clean image becomes a revision",
                   volume->name->volume, dirty, clean);
}

static bool
get_clean_id(const RlVolume *volume, bool ensure, char **ret_id, GError **error)
{
    rl_autofd int clean = rl_volume_open_image(volume, volume->clean_file, error);

    return clean >= 0 && (ensure ? rl_image_id_ensure(clean, ret_id, error)
                                 : rl_image_id_get(clean, ret_id, error));
}

/* A direct volume has one image. Where it has two, one came with a copy or from a backup, and a
 * direct image does not say what it was made from. */
static bool
is_one_of_two(const RlDirtyImage *image)
{
    const RlVolume *volume = image->volume;

    return !image->base.id && volume->record && volume->record->kind == RL_KIND_DIRECT &&
           volume->clean.there;
}

bool
rl_takeover_check_base(const RlDirtyImage *image, const char *id, GError **error)
{
    return (rl_image_base_is(&image->base, id, &image->volume->clean.st) &&
            !is_one_of_two(image)) ||
           refuse_other_base(image->volume, error);
}

/* Where nothing is noted, another driver made the image, or the version before this one, whose
 * commit was cut off. */
static bool
check_base(const RlDirtyImage *image, GError **error)
{
    g_autofree char *id = NULL;

    if (image->base.id && !get_clean_id(image->volume, false, &id, error))
        return false;
    return rl_takeover_check_base(image, id, error);
}

bool
rl_takeover_check(const RlDirtyImage *image, GError **error)
{
    if (!rl_state_require_unlinked(image->volume, error))
        return false;
    if (image->volume->kind != RL_KIND_PERSISTENT)
        return true;
    return rl_state_require_clean(image->volume, error) && check_base(image, error) &&
           check_size(image, error);
}

bool
rl_takeover_accept_size(const RlDirtyImage *image, GError **error)
{
    const RlVolume *volume = image->volume;
    uint64_t size = (uint64_t) volume->dirty.st.st_size;

    return volume->kind != RL_KIND_PERSISTENT || !volume->clean.there ||
           size >= (uint64_t) volume->clean.st.st_size ||
           rl_xattr_set_number(image->fd, RL_ATTR_SIZE, size, error);
}

bool
rl_takeover_accept(const RlDirtyImage *image, GError **error)
{
    const RlVolume *volume = image->volume;
    g_autofree char *id = NULL;

    if (volume->kind != RL_KIND_PERSISTENT || !volume->clean.there)
        return true;
    if (!get_clean_id(volume, true, &id, error))
        return false;
    /* What it was made from is the clean image that is there now: also where nothing was noted, as
     * on a copy without attributes, so that a clean image put back later is seen. */
    if ((!image->base.id || !rl_image_base_is(&image->base, id, &volume->clean.st)) &&
        !rl_image_base_set(image->fd, id, &volume->clean.st, error))
        return false;
    return rl_takeover_accept_size(image, error);
}

/* A domain's memory knows what was on the disk that it was saved with. */
static bool
refuse_other(const RlVolume *volume, const RlDomainRef *owner, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' has a dirty image that the saved memory of domain '%s' does not "
                   "belong to. Start the domain without that memory ('virsh start'; after a "
                   "managed save first 'virsh managedsave-remove')",
                   volume->name->volume, owner->name);
}

/* Through a loop device the end of an image within a sector is out of reach: who had it, under
 * another driver, would miss it. */
static bool
refuse_sectors(const RlVolume *volume, GError **error)
{
    uint64_t size = (uint64_t) volume->dirty.st.st_size;

    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' has a leftover dirty image of %" G_GUINT64_FORMAT
        " bytes, and a domain of Xen would not see its end, since Xen serves only whole sectors of "
        "%d bytes. First resize the volume ('virsh vol-resize') to %" G_GUINT64_FORMAT " bytes",
        volume->name->volume, size, RL_SECTOR, rl_capacity_round(size));
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
        "volume '%s' cannot be started: it is the backing image of an external snapshot of domain "
        "'%s', whose disk would be destroyed. Start the domain on the snapshot ('virsh start'; if "
        "it was saved before the snapshot, first 'virsh managedsave-remove'), or merge the "
        "snapshot ('virsh blockcommit --active --pivot' while the domain runs). To give up the "
        "overlay, first define the domain with this volume as its disk",
        volume->name->volume, domain);
}

/* What is new at each start was kept, for it was not known how @domain's run ended. */
static bool
refuse_kept_other(const RlVolume *volume, const char *domain, GError **error)
{
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' has a dirty image that was kept for domain '%s', since it is unknown how the "
        "run of that domain ended. Start that domain, or decide: 'virt-reflink discard' drops the "
        "image, 'virt-reflink continue' gives it to the next start",
        volume->name->volume, domain);
}

typedef struct {
    const RlDirtyImage *image;
    const RlDomainRef *owner;
    RlStartFlags flags;
    char *domain;  /* whose overlay it is below, or who left it */
    GError *cause; /* why it does not fit */
} Question;

/* What a dead run has left holds what the clean image was then; a direct volume's is that itself.
 */
static bool
is_shareable(const RlDirtyImage *image)
{
    const RlImageOwner *run = image->run;

    return run && run->readonly && image->mark == RL_MARK_NONE && !rl_lease_has_writer(image->fd) &&
           (image->volume->kind == RL_KIND_DIRECT || rl_image_owner_is_fresh(run) ||
            rl_image_owner_is_held(run, image->fd));
}

/* The run of somebody else who is not there any more may have ended without a hook. */
static char *
find_below(const RlDirtyImage *image, const RlDomainRef *owner)
{
    char *domain = rl_overlays_find_other(image->below, owner);

    return !domain && !rl_dirty_image_is_of(image, owner)
               ? rl_dirty_image_find_defined(image, owner)
               : domain;
}

/* The domain's own overlay. The image alone does not say so where libvirt made that of a domain
 * that was saved or off: what an administrator or another domain had begun, what is restored, and
 * what the domain's own run has left, which nothing ended. Where it is restored, and on its own,
 * the overlay of any other is in the way as well, since no rule asks for it later. */
static char *
find_below_own(const Question *question)
{
    const RlDirtyImage *image = question->image;
    const RlDomainRef *owner = question->owner;
    bool restored = question->flags & RL_START_RESTORED;
    RlDomainRef left = *owner;

    left.late = true;
    char *domain = rl_dirty_image_find_own_overlay(image, &left);
    if (domain || !image->run || (!restored && rl_dirty_image_is_of(image, owner)))
        return domain;
    domain = rl_dirty_image_find_defined(image, NULL);
    if (!restored && g_strcmp0(domain, owner->name) != 0)
        g_clear_pointer(&domain, g_free);
    return domain;
}

static uint32_t
known_facts(const Question *question)
{
    const RlDirtyImage *image = question->image;
    const RlImageOwner *run = image->run;
    const RlVolume *volume = image->volume;
    bool ours = rl_dirty_image_is_of(image, question->owner);
    bool same_driver = run && strcmp(run->driver, question->owner->driver) == 0;
    RlStartFlags flags = question->flags;

    return rl_facts_if(flags & RL_START_READONLY, RL_STARTS_READONLY) |
           rl_facts_if(flags & RL_START_OVERLAID, RL_STARTS_OVERLAID) |
           rl_facts_if(flags & RL_START_RESTORED, RL_STARTS_RESTORED) |
           rl_facts_if(flags & RL_START_ARRIVING, RL_STARTS_ARRIVING) |
           rl_facts_if(ours, RL_LEFT_OWN) | rl_facts_if(run && !ours, RL_LEFT_OTHER) |
           rl_facts_if(run && rl_image_owner_is_by_hand(run), RL_LEFT_BY_HAND) |
           rl_facts_if(image->mark == RL_MARK_SUSPECT, RL_LEFT_SUSPECT) |
           rl_facts_if(image->mark == RL_MARK_FOREIGN, RL_LEFT_FOREIGN) |
           rl_facts_if(image->mark != RL_MARK_NONE, RL_LEFT_KEPT) |
           rl_facts_if(rl_mark_only_read(image->mark, run), RL_LEFT_ONLY_READ) |
           rl_facts_if(rl_state_is_half(volume, run), RL_LEFT_HALF) |
           rl_facts_if(volume->kind == RL_KIND_PERSISTENT, RL_LEFT_PERSISTENT) |
           rl_facts_if(volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE,
                       RL_LEFT_THROWAWAY) |
           rl_facts_if(strcmp(question->owner->driver, "libxl") == 0 && !same_driver &&
                           !rl_capacity_is_whole((uint64_t) volume->dirty.st.st_size),
                       RL_LEFT_PART_SECTOR);
}

static bool
ask(uint32_t fact, bool *ret_so, void *data, GError **error)
{
    Question *question = data;
    const RlDirtyImage *image = question->image;
    const RlImageOwner *run = image->run;
    int fd = image->fd;

    switch ((RlTakeoverFact) fact) {
    case RL_LEFT_SHAREABLE:
        *ret_so = is_shareable(image);
        return true;
    case RL_LEFT_IN_USE:
        *ret_so = rl_dirty_image_is_of(image, question->owner) ? rl_image_owner_is_open(run, fd)
                                                               : rl_image_owner_is_held(run, fd);
        return true;
    case RL_LEFT_SAVED:
        *ret_so = rl_dirty_image_is_saved(image);
        return true;
    case RL_LEFT_AWAITED:
        *ret_so = run && image->mark != RL_MARK_SAVED && rl_image_owner_is_fresh(run);
        return true;
    case RL_LEFT_ANNOUNCED:
        /* Half of a migration is nothing that a memory was saved with, whatever its date. */
        *ret_so = (image->mark != RL_MARK_NONE || !run || !run->arriving) &&
                  rl_mark_restore_is_announced(fd);
        return true;
    case RL_LEFT_MISFIT:
        *ret_so = !rl_fits_require(image, question->owner, &question->cause);
        return true;
    case RL_LEFT_BELOW_OWN:
        question->domain = find_below_own(question);
        *ret_so = question->domain;
        return true;
    case RL_LEFT_BELOW_OTHER:
        question->domain = find_below(image, question->owner);
        *ret_so = question->domain;
        return true;
    case RL_LEFT_UNFIT:
        *ret_so = !rl_takeover_check(image, &question->cause);
        return true;
    case RL_LEFT_KEPT_OTHER:
        *ret_so = false;
        /* "Restored": a start went on with it, an administrator's or the other's own, and ended
         * before a guest ran. */
        if ((!rl_mark_is_kept(image->mark) && image->mark != RL_MARK_RESTORED) ||
            strcmp(question->owner->driver, RL_OWNER_BY_HAND) == 0)
            return true;
        /* That is to be noted yet. */
        if (image->unmarked) {
            if (!rl_dirty_image_is_of(image, question->owner))
                question->domain = g_strdup(run->name);
            *ret_so = question->domain;
            return true;
        }
        if (!rl_mark_find_other_kept_of(fd, question->owner, &question->domain, error))
            return false;
        *ret_so = question->domain;
        return true;
    case RL_LEFT_WRITTEN:
        return rl_only_read_is_written(image, NULL, ret_so, error);
    default:
        g_assert_not_reached();
    }
}

static bool
refuse(Question *question, RlTakeover takeover, GError **error)
{
    const RlDirtyImage *image = question->image;
    const RlVolume *volume = image->volume;

    switch (takeover) {
    case RL_TAKEOVER_IN_USE:
        return refuse_in_use(volume, image->run, error);
    case RL_TAKEOVER_SUSPECT:
        return rl_state_refuse_suspect(volume, image->run, "started", error);
    case RL_TAKEOVER_FOREIGN:
        return rl_state_require_clean(volume, error) &&
               rl_state_refuse_foreign(volume, "started", error);
    case RL_TAKEOVER_SAVED:
        return rl_state_refuse_saved(volume, image->run, "started", error);
    case RL_TAKEOVER_OWN_OVERLAY:
        return refuse_own_overlay(volume, question->domain, error);
    case RL_TAKEOVER_KEPT_OTHER:
        return refuse_kept_other(volume, question->domain, error);
    case RL_TAKEOVER_BELOW:
        return rl_state_refuse_below(volume, "started", question->domain, error);
    case RL_TAKEOVER_MISFIT:
    case RL_TAKEOVER_UNFIT:
        g_propagate_error(error, g_steal_pointer(&question->cause));
        return false;
    case RL_TAKEOVER_OTHER:
        return refuse_other(volume, question->owner, error);
    case RL_TAKEOVER_HALF:
        return rl_state_refuse_half(volume, "started", error);
    case RL_TAKEOVER_WRITTEN:
        return rl_only_read_refuse(image, "started", error);
    case RL_TAKEOVER_SECTORS:
        return refuse_sectors(volume, error);
    case RL_TAKEOVER_OVERWRITTEN:
        return rl_state_refuse_left(volume, ", which the migration to this host would overwrite",
                                    error);
    case RL_TAKEOVER_UNFINISHED:
        return rl_state_refuse_left(
            volume, ", which a domain that only reads the volume cannot use", error);
    default:
        return true;
    }
}

bool
rl_takeover_decide(const RlDirtyImage *image, const RlDomainRef *owner, RlStartFlags flags,
                   RlTakeover *ret_takeover, GError **error)
{
    Question question = {.image = image, .owner = owner, .flags = flags};
    RlFacts facts = {.known = RL_LEFT_SHAREABLE - 1,
                     .so = known_facts(&question),
                     .ask = ask,
                     .data = &question};
    int takeover = rl_decide(rl_start_rules(), &facts, error);
    bool done = takeover >= 0 && refuse(&question, (RlTakeover) takeover, error);

    *ret_takeover = (RlTakeover) takeover;
    g_free(question.domain);
    g_clear_error(&question.cause);
    /* Domains that only read may have come and gone since it was saved. */
    if (done && takeover == RL_TAKEOVER_SHARE && (flags & RL_START_RESTORED))
        done = rl_fits_require_shared(image, owner, error);
    /* Whatever else is so of what a domain goes on with. */
    bool goes_on = takeover == RL_TAKEOVER_CONTINUE || takeover == RL_TAKEOVER_RESTORE;
    return done && (!goes_on || (facts.known & RL_LEFT_UNFIT) || rl_takeover_check(image, error));
}

bool
rl_takeover_mark(const RlDirtyImage *image, const RlDomainRef *owner, RlStartFlags flags,
                 RlTakeover takeover, GError **error)
{
    const RlImageOwner *run = image->run;
    int fd = image->fd;
    RlOwnerTraits traits = {.written = true,
                            .readonly = flags & RL_START_READONLY,
                            .continued = true,
                            .arriving = flags & RL_START_ARRIVING};

    /* What was noted of a save must not be there with a mark that says otherwise. */
    bool waiting = image->mark == RL_MARK_SAVED && !image->unmarked;
    if (((flags & RL_START_RESTORED) && !rl_save_try(fd, owner->memory, error)) ||
        !rl_save_note_waiting(fd, waiting, error))
        return false;
    if (takeover == RL_TAKEOVER_SHARE)
        traits = (RlOwnerTraits){.written = run->written, .readonly = true};
    /* What a restored domain only read before, it only reads now. */
    if (takeover == RL_TAKEOVER_RESTORE)
        traits.readonly = run->readonly;
    /* Who goes on with one was asked whose it is. */
    bool asked = takeover == RL_TAKEOVER_CONTINUE && !(flags & RL_START_RESTORED);
    if (!(asked ? rl_image_domain_set : rl_image_domain_add)(fd, owner, error) ||
        !rl_image_owner_set(fd, owner, traits, error))
        return false;
    /* What was kept once is kept again if this start fails. */
    if (image->mark == RL_MARK_NONE || rl_mark_set(fd, RL_MARK_RESTORED, error))
        return true;
    if (!(run ? rl_image_owner_put_back(fd, run, NULL) : rl_image_owner_clear(fd, NULL)))
        rl_log_warning("volume '%s': domain %s stays recorded as the owner of its dirty image, "
                       "although its start failed",
                       image->volume->name->volume, owner->name);
    return false;
}
