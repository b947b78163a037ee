/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "common/base/error.h"
#include "common/format/image-owner.h"
#include "common/image/lost-write-witness.h"
#include "common/image/short-path.h"
#include "common/operation/claim.h"
#include "common/pool/writers.h"
#include "domain-disk.h"
#include "live-domain.h"
#include "stop-outcome.h"
#include "unplugged.h"
#include "volume-domain.h"

/* So long a guest may take to release a disk, if nothing else is said. */
#define TIMEOUT_SECONDS 20
#define PAUSE_MS 100
#define LATE_LOOKS 5
/* The disk is gone from the domain's XML a moment before the device model closes the image. */
#define CLOSING_MS 10000

typedef struct {
    const RlPool *pool;
    const char *name;
    RlImageOwner *run; /* that is noted on the dirty image, or NULL */
    RlLiveDomain *live;
    RlDomainRef owner; /* of @live */
    char *target;      /* of the disk; NULL where it is none any more */
    char *defined;     /* the same in the domain's definition */
    bool readonly;
} Detach;

static void
detach_clear(Detach *detach)
{
    rl_image_owner_free(detach->run);
    rl_live_domain_free(detach->live);
    g_free(detach->target);
    g_free(detach->defined);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Detach, detach_clear)

static bool
read_run(Detach *detach, GError **error)
{
    bool dirty;

    rl_image_owner_free(detach->run);
    return rl_volume_domain_run(detach->pool, detach->name, &detach->run, &dirty, error) &&
           (dirty ||
            rl_fail(error, RL_ERROR_STATE,
                    "there is nothing to detach: volume '%s' is stopped already", detach->name));
}

static bool
is_own(const Detach *detach)
{
    return detach->run && rl_image_owner_is_of(detach->run, &detach->owner);
}

static bool
find_domain(Detach *detach, const char *text, GError **error)
{
    g_auto(RlVolumeDomain) domain = {0};

    if (!text && !rl_volume_domain_find(detach->pool, detach->name, detach->run, &domain, error)) {
        if (detach->run)
            g_prefix_error(error, "nothing to detach ('virt-reflink stop' stops the volume): ");
        return false;
    }
    detach->live = text ? rl_live_domain_find(text, NULL, error)
                        : rl_live_domain_find(domain.uuid, domain.driver, error);
    if (!detach->live) {
        if (!text)
            g_prefix_error(error, "volume '%s' was started for domain '%s': ", detach->name,
                           domain.name);
        return false;
    }
    detach->owner = rl_live_domain_ref(detach->live);
    return true;
}

/* The disk in what @which says of the domain: its target, owned by the caller; NULL where it has
 * none. */
static bool
find_disk(Detach *detach, RlLiveFlags which, char **ret_target, GError **error)
{
    g_autoptr(RlDomain) domain = rl_live_domain_read(detach->live, which, error);
    bool below;
    const RlDisk *disk =
        domain ? rl_domain_disk_find(domain, detach->pool, detach->name, &below) : NULL;

    *ret_target = NULL;
    if (disk && below && which == RL_LIVE_RUN)
        return rl_fail(error, RL_ERROR_STATE,
                       "volume '%s' cannot be detached: disk '%s' of domain '%s' is an external "
                       "snapshot on it. Merge them first: 'virsh blockcommit %s %s --active "
                       "--pivot'",
                       detach->name, disk->target, detach->owner.name, detach->owner.name,
                       disk->target);
    if (disk && !below) {
        *ret_target = g_strdup(disk->target);
        detach->readonly = disk->readonly;
    }
    return domain;
}

/* What the domain's XML names is its own, as for the hook: also what was started by hand. Not so
 * what it only reads. */
static bool
claim(Detach *detach, GError **error)
{
    const RlClaim claim = {.to = &detach->owner};
    bool done;

    if (!detach->target)
        return is_own(detach) ||
               rl_fail(
                   error, RL_ERROR_STATE,
                   "volume '%s' is no disk of domain '%s'. 'virsh domblklist %s' lists its disks",
                   detach->name, detach->owner.name, detach->owner.name);
    return detach->readonly || (rl_volume_claim(detach->pool, detach->name, &claim, &done, error) &&
                                read_run(detach, error));
}

/* It may be about to be attached, for a command that was killed. */
static bool
look_again(Detach *detach, GError **error)
{
    return rl_live_domain_settle(detach->live, error) &&
           find_disk(detach, RL_LIVE_RUN, &detach->target, error);
}

static bool
look(Detach *detach, GError **error)
{
    if ((rl_live_domain_is_defined(detach->live) &&
         !find_disk(detach, RL_LIVE_DEFINED, &detach->defined, error)) ||
        !find_disk(detach, RL_LIVE_RUN, &detach->target, error) ||
        (!detach->target && !look_again(detach, error)))
        return false;
    /* Nobody saw what the disk was when it went. */
    detach->owner.late = !detach->target;
    return claim(detach, error);
}

/* A domain that ends meanwhile has no disks any more, and has ended its runs. Who gives it the disk
 * again begins another run, which is none of ours to end. */
static bool
wait_for_guest(Detach *detach, int timeout, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64) timeout * G_USEC_PER_SEC;

    for (;;) {
        g_autofree char *target = NULL;
        detach->owner.until_us = rl_boot_clock_us();
        if (!find_disk(detach, RL_LIVE_RUN, &target, error))
            return false;
        /* The rest of libvirt's work with the image is to be over. */
        if (!target || !rl_live_domain_runs(detach->live))
            return rl_live_domain_settle(detach->live, error);
        if (g_get_monotonic_time() >= deadline_us)
            return rl_fail(
                error, RL_ERROR_BUSY,
                "volume '%s': the guest of domain '%s' has not released disk '%s' within "
                "%d seconds. The volume still runs. Once the guest has released the "
                "disk, type 'virt-reflink detach' again",
                detach->name, detach->owner.name, target, timeout);
        g_usleep(PAUSE_MS * 1000);
    }
}

static bool
take(const Detach *detach, const char *target, RlLiveFlags where, GError **error)
{
    const RlDiskWish wish = {.driver = detach->owner.driver, .target = target};
    g_autofree char *xml = rl_domain_disk_xml(&wish);

    return rl_live_domain_detach(detach->live, xml, where, error);
}

/* libvirt refuses also where the guest has released the disk between our look and the request. */
static bool
is_released(Detach *detach)
{
    for (int i = 0; i < LATE_LOOKS; i++) {
        g_autofree char *target = NULL;
        if (find_disk(detach, RL_LIVE_RUN, &target, NULL) && !target)
            return true;
        g_usleep(PAUSE_MS * 1000);
    }
    return false;
}

static bool
unplug(const RlCall *call, Detach *detach, bool defined, int timeout, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (detach->target && !take(detach, detach->target, RL_LIVE_RUN, &cause) &&
        !is_released(detach)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    call->document->changed = true; /* it is asked for, at least */
    return wait_for_guest(detach, timeout, error) &&
           (!defined || !detach->defined || take(detach, detach->defined, RL_LIVE_DEFINED, error));
}

/* Who has given the domain the disk again goes on with the run. libvirt answers before the hook is
 * called for the end of the domain, which may close the image then, or when that is through. */
static bool
require_away(Detach *detach, GError **error)
{
    g_autofree char *target = NULL;
    g_autoptr(GError) cause = NULL;
    bool read = find_disk(detach, RL_LIVE_RUN, &target, &cause);

    if ((read && !target) || !rl_live_domain_runs(detach->live))
        return true;
    if (read)
        return rl_fail(error, RL_ERROR_STATE, "it was attached again meanwhile, as disk '%s'",
                       target);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* As the end of the domain does it (backend/hook/end-volume.c). */
static bool
end_run(Detach *detach, RlStop *ret_stop, GError **error)
{
    const RlPool *pool = detach->pool;
    const RlDomainRef *owner = &detach->owner;
    const char *name = detach->name;
    g_autofree char *by_hand = rl_witness_key_by_hand(pool, name),
                    *noted = rl_witness_key_noted(pool, name, owner);

    for (int waited_ms = 0;; waited_ms += PAUSE_MS) {
        g_autoptr(GError) cause = NULL;
        /* Who saw it from the beginning, and who still had it open, which may have written on. */
        if (require_away(detach, &cause) &&
            (!owner->late || rl_unplugged_require_free(pool, name, &cause)) &&
            rl_witness_ask_volume(by_hand, owner, pool, name, &cause) &&
            (!noted || rl_witness_ask_volume(noted, owner, pool, name, &cause)) &&
            rl_witness_ask_volume(owner->uuid, owner, pool, name, &cause) &&
            rl_volume_stop(pool, name, owner, ret_stop, &cause))
            break;
        if (!g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY) || waited_ms >= CLOSING_MS) {
            rl_clean_name_writer(pool, name, &cause);
            g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                       "the disk is detached, but its volume still runs: ");
            return false;
        }
        g_usleep(PAUSE_MS * 1000);
    }
    rl_witness_dismiss(by_hand, true);
    if (noted)
        rl_witness_dismiss(noted, false);
    return *ret_stop != RL_STOP_HELD || rl_stop_refuse_held(pool, name, error);
}

/* Of those who share an image that is only read, the last one to go ends the run. Who began it by
 * hand ends it by hand. */
static bool
is_to_end(const Detach *detach)
{
    const RlImageOwner *run = detach->run;

    return is_own(detach) || (run && run->readonly && !rl_image_owner_is_by_hand(run));
}

static void
note(const RlCall *call, const Detach *detach, bool defined)
{
    RlJson *json = call->document->json;

    rl_document_domain(json, &detach->owner);
    if (detach->target)
        rl_json_string(json, "target", detach->target);
    rl_json_bool(json, "config", defined);
}

static RlExit
finish(RlCall *call, Detach *detach, GError **error)
{
    RlStop stop;

    call->document->changed = true;
    if (!is_to_end(detach)) {
        rl_json_string(call->document->json, "result", "running");
        rl_call_say(call, "%s is detached from domain %s. It still runs: %s.", detach->name,
                    detach->owner.name,
                    detach->run && rl_image_owner_is_by_hand(detach->run)
                        ? "it was started by hand, and 'virt-reflink stop' stops it"
                        : "another domain has it");
        return RL_EXIT_DONE;
    }
    if (!end_run(detach, &stop, error))
        return RL_EXIT_FAILED;
    rl_stop_note(call->document, detach->pool, detach->name, stop);
    rl_short_path_tidy(detach->pool, detach->name);
    const char *outcome = rl_stop_outcome(stop);
    if (stop == RL_STOP_NOT_OWNED)
        outcome = detach->run && detach->run->readonly ? "goes on for other domains that read it"
                                                       : "was started again meanwhile";
    rl_call_say(call, "%s is detached from domain %s, and %s.", detach->name, detach->owner.name,
                outcome);
    return rl_call_done(
        rl_after_change(detach->pool, detach->name, stop == RL_STOP_COMMITTED, error));
}

/*
 * Steps, and what a crash after each leaves:
 * - what was started by hand becomes the domain's run: so it does at the domain's end.
 * - libvirt asks the guest for the disk: as long as the domain's XML names it, the volume is the
 *   domain's, and ends with it.
 * - the guest releases it: a run of the domain's that nobody writes to. The same command, or the
 *   domain's end or next start, ends it or goes on with it.
 * - the run is ended: what rl_volume_stop() leaves.
 */
RlExit
rl_command_detach(RlCall *call, GError **error)
{
    gboolean defined = FALSE;
    int timeout = TIMEOUT_SECONDS;
    const GOptionEntry options[] = {
        {"config", 'c', 0, G_OPTION_ARG_NONE, &defined,
         "Change the domain's definition, too: its next start does not have the disk", NULL},
        {"timeout", 't', 0, G_OPTION_ARG_INT, &timeout,
         "So long the guest may take to release the disk; else 20", "SECONDS"},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    if (timeout < 0)
        return rl_call_misused(call, "detach: --timeout needs a number of seconds");
    g_auto(Detach) detach = {.pool = call->pool, .name = rl_call_name(call, 0)};
    if (!read_run(&detach, error) || !find_domain(&detach, rl_call_name(call, 1), error) ||
        !look(&detach, error))
        return RL_EXIT_FAILED;
    note(call, &detach, defined);
    if (!unplug(call, &detach, defined, timeout, error))
        return RL_EXIT_FAILED;
    if (detach.defined && !defined)
        rl_call_warn(call,
                     "the definition of domain '%s' still has the disk: its next start starts "
                     "volume '%s' again. 'virsh detach-disk %s %s --config' removes it there",
                     detach.owner.name, detach.name, detach.owner.name, detach.defined);
    return finish(call, &detach, error);
}
