/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "end-volume.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/fs/lease.h"
#include "common/image/lost-write-witness.h"
#include "common/image/short-path.h"
#include "common/image/suspect.h"
#include "common/operation/claim.h"
#include "common/pool/domains.h"
#include "common/pool/writers.h"
#include "owner.h"
#include "xml/definitions.h"

/* Another domain that runs has been given the disk: from now on it is its own, and ends with it.
 * One that is @below an overlay only with that: else the end of a domain that was to read it would
 * take it from there. */
static bool
pass_on(const RlPool *pool, const RlVolume *volume, const RlDomainRef *owner, bool below)
{
    g_autofree char *image =
        g_build_filename(pool->path, volume->name->dir, volume->dirty_file, NULL);
    g_autoptr(GError) error = NULL;
    bool overlaid, done = false;
    g_autoptr(RlDomain) user = rl_xml_definitions_find_running(image, owner->uuid, &overlaid);

    if (!user || (below && !overlaid))
        return false;
    RlDomainRef to = rl_domain_ref_of(user);
    const RlClaim claim = {.from = owner, .to = &to, .overlaid = overlaid};
    if (!rl_volume_pass_on(pool, volume->name->volume, &claim, &done, &error))
        rl_log_warning("volume '%s': cannot make domain '%s' its owner, although it is a disk of "
                       "that domain: %s",
                       volume->name->volume, to.name, error->message);
    return done;
}

/* Is it below an overlay that a definition or a snapshot names? */
static bool
is_below(const RlVolume *volume)
{
    g_autofree char *domain = rl_domains_find_overlay(volume, NULL, NULL);

    if (domain)
        rl_log_warning("volume '%s' is kept: domain '%s' has an overlay on it",
                       volume->name->volume, domain);
    return domain != NULL;
}

/* Who saw the run from its beginning: another domain may have been started with the disk. NULL for
 * @owner itself. */
static char *
find_witness(const RlPool *pool, const char *name, const RlDomainRef *owner)
{
    g_autofree char *key = rl_witness_key_noted(pool, name, owner);

    return g_strcmp0(key, owner->uuid) == 0 ? NULL : g_steal_pointer(&key);
}

static RlWrites
find_writes(const RlPool *pool, const RlVolume *volume, const RlDomainRef *owner, int fd)
{
    const char *name = volume->name->volume;
    g_autofree char *by_hand = rl_witness_key_by_hand(pool, name),
                    *other = find_witness(pool, name, owner);
    const char *const keys[] = {owner->uuid, by_hand, other};
    RlWrites writes = RL_WRITES_UNKNOWN;

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        if (keys[i])
            rl_witness_find_writes(keys[i], fd, &writes);
    return writes;
}

/* The dirty image @fd, which the domain has left, has what its guest wrote last, unless somebody
 * has written to it since: a block job that copied the disk back, and was broken off, leaves half a
 * copy. Of one that is dropped in any case it does not matter. *@ret_certain is false where nobody
 * saw. False with @error where that cannot be recorded. */
static bool
check_writes(const RlPool *pool, const RlVolume *volume, const RlDomainRef *owner, int fd,
             bool *ret_certain, GError **error)
{
    *ret_certain = true;
    if (volume->kind != RL_KIND_PERSISTENT && volume->kind != RL_KIND_DIRECT)
        return true;
    switch (find_writes(pool, volume, owner, fd)) {
    case RL_WRITES_ONCE:
        return true;
    case RL_WRITES_AGAIN:
        rl_log_warning("volume '%s': a process wrote to its dirty image after domain '%s' had left "
                       "it, for example a block job that copied the disk back. The image is marked "
                       "suspect",
                       volume->name->volume, owner->name);
        return rl_suspect_mark_of_job(fd, error);
    case RL_WRITES_UNKNOWN:
        break;
    }
    rl_log_warning("volume '%s': domain '%s' has left its dirty image, and it is not known whether "
                   "a process wrote to it after that: it is kept",
                   volume->name->volume, owner->name);
    *ret_certain = false;
    return true;
}

/* What is known of a volume that no disk of the domain is on any more. */
typedef struct {
    bool gone;    /* there is nothing to end: it is another's, or nobody's */
    bool below;   /* the disk was an overlay on it when it went */
    bool certain; /* it has what the guest wrote last, as far as it is not marked suspect */
} Noted;

/* May it be ended? If somebody has it open, be it to read only, then that may be the domain
 * nevertheless, on an overlay that its XML does not show. */
static bool
check_noted(const RlPool *pool, const RlDomainVolume *use, const RlDomainRef *owner,
            Noted *ret_noted, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlVolume) volume = rl_volume_find(pool, use->name, &cause);

    *ret_noted = (Noted){.certain = true};
    ret_noted->gone =
        g_error_matches(cause, RL_ERROR, RL_ERROR_NOT_FOUND) || (volume && !volume->dirty.there);
    if (ret_noted->gone)
        return false;
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, error);
    if (fd < 0 || !rl_image_owner_get(fd, &run, error))
        return false;
    ret_noted->gone = !run || !rl_image_owner_is_of(run, owner);
    if (ret_noted->gone)
        return false;
    bool below = is_below(volume);
    ret_noted->gone = pass_on(pool, volume, owner, below);
    if (ret_noted->gone)
        return false;
    /* Those who share what is only read are told apart where it is ended. */
    ret_noted->below = !use->overlaid && below;
    if (run->readonly)
        return true;
    if (rl_lease_has_opener(fd))
        return rl_fail(
            error, RL_ERROR_BUSY,
            "volume '%s': a process still has its dirty image open. End that process first",
            use->name);
    return check_writes(pool, volume, owner, fd, &ret_noted->certain, error);
}

/* The domain wrote to the image, and only reads it now: it may have been given that beside an
 * overlay, or in the place of one, that its definition has. */
static bool
is_below_reader(const RlPool *pool, const RlDomainVolume *use, const RlDomainRef *owner)
{
    g_autoptr(RlVolume) volume = use->readonly && !use->overlaid && !use->noted
                                     ? rl_volume_find(pool, use->name, NULL)
                                     : NULL;
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd =
        volume && volume->dirty.there ? rl_volume_open_image(volume, volume->dirty_file, NULL) : -1;

    return fd >= 0 && rl_image_owner_get(fd, &run, NULL) && run && !run->readonly &&
           rl_image_owner_is_of(run, owner) && is_below(volume);
}

static bool
try_once(const RlPool *pool, const RlDomainVolume *use, const RlEnd *end, bool *ret_committed,
         GError **error)
{
    RlEnd here = *end;
    Noted noted = {.below = is_below_reader(pool, use, end->owner), .certain = true};

    *ret_committed = false;
    if (use->noted && !check_noted(pool, use, end->owner, &noted, error))
        return noted.gone;
    /* Whose it is from now on libvirt's files say, as long as it is kept. */
    if (noted.below)
        here.reason = RL_END_UNKNOWN;
    if (!noted.certain)
        here.doubtful = true;
    return rl_volume_end(pool, use->name, &here, ret_committed, error);
}

bool
rl_end_run(const RlDomainVolume *use, const RlDomainRef *owner, RlEndReason ending,
           const char *file, int patience_ms, bool *ret_committed, GError **error)
{
    RlPool *pool = rl_domain_volume_pool(use, error);
    const RlEnd end = {.owner = owner,
                       .reason = ending,
                       .overlaid = use->overlaid,
                       .doubtful = use->doubtful,
                       .file = file};
    int pause_ms = 10;

    if (!pool)
        return false;
    /* A disk that the domain was given while it ran. */
    g_autofree char *by_hand = rl_witness_key_by_hand(pool, use->name),
                    *other = find_witness(pool, use->name, owner);
    for (int waited_ms = 0;; waited_ms += pause_ms, pause_ms = MIN(pause_ms * 2, 500)) {
        g_autoptr(GError) cause = NULL;
        /* Whoever still had it open may have written on. */
        if (rl_witness_ask_volume(by_hand, owner, pool, use->name, &cause) &&
            (!other || rl_witness_ask_volume(other, owner, pool, use->name, &cause)) &&
            rl_witness_ask_volume(owner->uuid, owner, pool, use->name, &cause) &&
            try_once(pool, use, &end, ret_committed, &cause)) {
            rl_witness_dismiss(by_hand, true);
            if (other)
                rl_witness_dismiss(other, false);
            rl_short_path_tidy(pool, use->name);
            return true;
        }
        if (!g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY) || waited_ms >= patience_ms) {
            rl_clean_name_writer(pool, use->name, &cause);
            rl_error_about(&cause, "volume", use->name);
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        g_usleep((gulong) pause_ms * 1000);
    }
}
