/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/image-path.h"
#include "by-hand.h"
#include "common/base/error.h"
#include "common/image/lost-write-witness.h"
#include "common/operation/start.h"
#include "common/operation/stop.h"
#include "domain-disk.h"
#include "live-domain.h"
#include "tell-hook.h"

typedef struct {
    const RlCall *call;
    const RlPool *pool;
    const char *name;
    RlLiveDomain *live;
    RlDomainRef owner;
    char *key; /* of who sees its writes from the beginning */
    char *path;
    RlStarted *started;
} Attach;

static void
attach_clear(Attach *attach)
{
    rl_live_domain_free(attach->live);
    rl_started_free(attach->started);
    g_free(attach->key);
    g_free(attach->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Attach, attach_clear)

/* *@ret_has: the volume is a disk of the domain, or below one. */
static bool
look(const Attach *attach, bool *ret_has, char **ret_target, GError **error)
{
    g_autoptr(RlDomain) domain = rl_live_domain_read(attach->live, RL_LIVE_RUN, error);
    bool below;
    const RlDisk *disk =
        domain ? rl_domain_disk_find(domain, attach->pool, attach->name, &below) : NULL;

    *ret_has = disk;
    *ret_target = disk ? g_strdup(disk->target) : NULL;
    return domain;
}

static bool
require_no_disk(const Attach *attach, GError **error)
{
    g_autofree char *target = NULL;
    bool has;

    if (!look(attach, &has, &target, error))
        return false;
    return !has ||
           rl_fail(error, RL_ERROR_EXISTS, "volume '%s' is already disk '%s' of domain '%s'",
                   attach->name, target ? target : "?", attach->owner.name);
}

/* As the domain's own start does (backend/hook/prepare.c), for one volume. */
static bool
start(Attach *attach, bool readonly, GError **error)
{
    g_autofree char *noted = rl_by_hand_domain(attach->pool, attach->name);

    attach->key = rl_witness_key_by_hand(attach->pool, attach->name);
    /* Of a run that nobody ended. */
    if (!rl_by_hand_ask(attach->key, noted, attach->pool, attach->name, error))
        return false;
    /* The domain's own process has the disks that it was started with. */
    attach->owner.witness = attach->key;
    attach->started = rl_volume_start(attach->pool, attach->name, &attach->owner,
                                      readonly ? RL_START_READONLY : 0, error);
    if (!attach->started)
        return false;
    /* Who gives it to the domain as well goes on with it by a run of its own, which stays. */
    attach->owner.until_us = rl_boot_clock_us();
    if (!readonly)
        rl_by_hand_watch(attach->pool, attach->name, &attach->owner);
    return true;
}

/* A device model may have had the image before libvirt refused it, and set its date: so a run that
 * was begun for it ends as one does whose disk is detached, and what it leaves is a state of its
 * own. */
static bool
put_back(const Attach *attach, GError **error)
{
    RlStop stop;

    if (attach->started->continued)
        return rl_volume_unstart(attach->pool, attach->started, &attach->owner, error);
    return rl_by_hand_ask(attach->key, NULL, attach->pool, attach->name, error) &&
           rl_volume_stop(attach->pool, attach->name, &attach->owner, &stop, error);
}

/* libvirt has refused; a domain that does not even have an XML any more has ended. What may be its
 * disk, since libvirt's daemon has gone meanwhile, stays. */
static void
take_back(const Attach *attach)
{
    g_autofree char *target = NULL;
    g_autoptr(GError) error = NULL;
    bool has;

    if ((look(attach, &has, &target, NULL) && has) || rl_live_domain_is_lost(attach->live)) {
        attach->call->document->changed = true;
        rl_call_warn(attach->call,
                     "it is not known whether volume '%s' is a disk of domain '%s' now; the volume "
                     "stays started for this domain. Type 'virsh domblklist %s'. If the disk is "
                     "not there, type 'virt-reflink attach' again, or 'virt-reflink detach'",
                     attach->name, attach->owner.name, attach->owner.name);
        return;
    }
    if (!put_back(attach, &error))
        rl_call_warn(attach->call, "volume '%s': its start cannot be undone: %s", attach->name,
                     error->message);
    rl_witness_dismiss(attach->key, !attach->started->continued);
}

/*
 * Steps, and what a crash after each leaves:
 * - the volume is started, for the domain: a run of the domain's that it does not write to. The
 *   same command, or 'detach', or the domain's next start goes on with it or ends it.
 * - libvirt attaches the disk: the domain's XML names it, so it is the domain's, and ends with it.
 * - the hook notes that the domain has it: it ends with the domain also if libvirt detaches it.
 */
static bool
attach_volume(Attach *attach, RlDiskWish *wish, bool defined, GError **error)
{
    if (!require_no_disk(attach, error) || !start(attach, wish->readonly, error))
        return false;
    attach->path = rl_disk_path(attach->pool, attach->name, error);
    wish->driver = attach->owner.driver;
    wish->path = attach->path;
    g_autofree char *xml = attach->path ? rl_domain_disk_xml(wish) : NULL;
    guint where = RL_LIVE_RUN | (defined ? RL_LIVE_DEFINED : 0);
    if (!xml || !rl_live_domain_attach(attach->live, xml, where, error)) {
        take_back(attach);
        return false;
    }
    rl_tell_hook(attach->live);
    return true;
}

static void
note(const Attach *attach, const RlDiskWish *wish, bool defined)
{
    RlJson *json = attach->call->document->json;

    rl_document_domain(json, &attach->owner);
    rl_json_string(json, "target", wish->target);
    rl_json_bool(json, "readonly", wish->readonly);
    rl_json_bool(json, "config", defined);
}

RlExit
rl_command_attach(RlCall *call, GError **error)
{
    g_autofree char *bus = NULL;
    gboolean readonly = FALSE, defined = FALSE;
    const GOptionEntry options[] = {
        {"bus", 'b', 0, G_OPTION_ARG_STRING, &bus,
         "The bus of the disk, such as virtio, scsi or usb; else libvirt tells it from TARGET",
         "BUS"},
        {"readonly", 'r', 0, G_OPTION_ARG_NONE, &readonly,
         "The domain can only read the disk: nothing is ever committed", NULL},
        {"config", 'c', 0, G_OPTION_ARG_NONE, &defined,
         "Change the domain's definition, too: its next start has the disk as well", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    g_auto(Attach) attach = {.call = call, .pool = call->pool, .name = rl_call_name(call, 0)};
    RlDiskWish wish = {.target = rl_call_name(call, 2), .bus = bus, .readonly = readonly};
    attach.live = rl_live_domain_find(rl_call_name(call, 1), NULL, error);
    if (!attach.live)
        return RL_EXIT_FAILED;
    attach.owner = rl_live_domain_ref(attach.live);
    note(&attach, &wish, defined);
    if (!attach_volume(&attach, &wish, defined, error))
        return RL_EXIT_FAILED;
    call->document->changed = true;
    rl_json_string(call->document->json, "path", attach.path);
    rl_json_bool(call->document->json, "continued", attach.started->continued);
    rl_call_say(call,
                "%s is disk %s of domain %s%s: %s\nIt stops with the domain, or with 'virt-reflink "
                "detach'.",
                attach.name, wish.target, attach.owner.name,
                attach.started->continued ? ", and continues with its leftover dirty image" : "",
                attach.path);
    return RL_EXIT_DONE;
}
