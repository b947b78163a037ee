/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arrival.h"

#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/operation/arrival.h"
#include "domain-volumes.h"
#include "owner.h"
#include "run-record.h"
#include "started-volumes.h"
#include "status-file.h"
#include "worker.h"
#include "xml/documents.h"

/* A migration takes from seconds to hours. */
#define PAUSE_MS 1000

static bool
read_run(const RlDomainRef *owner, RlRunRecord *ret_note)
{
    return strcmp(owner->driver, "qemu") == 0 && rl_run_record_read(owner, ret_note);
}

/* Does a migration bring it, and is it not known to have come? */
static bool
is_arriving(const RlDomainRef *owner)
{
    RlRunRecord note;

    return read_run(owner, &note) && note.arriving && note.incoming;
}

/* What it was started on, and has now. */
static GPtrArray *
volumes_of(const RlDomain *domain)
{
    GPtrArray *uses = rl_domain_volumes_new();

    /* What it cannot tell it has said. */
    rl_domain_volumes_find_started(domain, uses, NULL);
    rl_started_volumes_read(domain, uses);
    return uses;
}

/* What the start did not know. The first byte comes after this. Where one is refused the others are
 * noted nevertheless: the end drops what this start has made. */
static bool
expect(const RlDomain *domain, const RlDomainRef *owner, GError **error)
{
    g_autoptr(GPtrArray) uses = volumes_of(domain);
    g_autoptr(GError) first = NULL;

    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        /* No migration writes to the others. */
        if (use->readonly || use->overlaid)
            continue;
        g_autoptr(RlPool) pool = rl_pool_open(use->root, rl_xml_documents(), first ? NULL : &first);
        if (pool)
            rl_volume_expect_arrival(pool, use->name, owner, first ? NULL : &first);
    }
    rl_run_record_incoming(owner);
    if (!first)
        return true;
    g_propagate_error(error, g_steal_pointer(&first));
    return false;
}

/* An ordinary start. All or none: a domain that must not run is none on any of them. */
static bool
refute(const RlDomain *domain, const RlDomainRef *owner, GError **error)
{
    g_autoptr(GPtrArray) uses = volumes_of(domain);

    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        g_autoptr(GError) cause = NULL;
        g_autoptr(RlPool) pool = rl_pool_open(use->root, rl_xml_documents(), &cause);
        if (pool && rl_volume_refute_arrival(pool, use->name, owner, &cause))
            continue;
        if (g_error_matches(cause, RL_ERROR, RL_ERROR_STATE)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        rl_log_warning("domain %s: %s", domain->name, cause->message);
    }
    rl_run_record_arrived(owner);
    return true;
}

bool
rl_arrival_settle(const RlDomain *domain, GError **error)
{
    RlDomainRef owner = rl_domain_ref_of(domain);
    g_autoptr(GError) cause = NULL;
    RlRunRecord note;

    if (!read_run(&owner, &note) || (!note.arriving && !rl_started_volumes_is_there(domain)))
        return true;
    g_autoptr(RlStatus) status = rl_status_file_read(domain, &cause);
    if (!status && !note.arriving)
        return true;
    if (!status) {
        rl_log_warning("domain %s: cannot determine whether a migration brings it: %s",
                       domain->name, cause->message);
        return true;
    }
    if (!rl_verdict_is_incoming(status))
        return !note.arriving || refute(domain, &owner, error);
    if (!note.arriving)
        return expect(domain, &owner, error);
    rl_run_record_incoming(&owner);
    return true;
}

void
rl_arrival_look(const RlDomain *domain, RlVerdict verdict)
{
    RlDomainRef owner = rl_domain_ref_of(domain);

    if (!verdict.arrived || !is_arriving(&owner))
        return;
    g_autoptr(GPtrArray) uses = volumes_of(domain);
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        g_autoptr(GError) error = NULL;
        g_autoptr(RlPool) pool = rl_pool_open(use->root, rl_xml_documents(), &error);
        if (!pool || !rl_volume_arrived(pool, use->name, &owner, &error))
            rl_log_warning("domain %s: %s", domain->name, error->message);
    }
    rl_run_record_arrived(&owner);
}

/* As long as it is the same run, and is not known to have come. */
static void
watch(const RlDomain *domain, const RlDomainRef *owner)
{
    while (is_arriving(owner)) {
        g_autoptr(RlStatus) status = rl_status_file_read(domain, NULL);
        if (!status)
            return;
        rl_arrival_look(domain, rl_verdict_of(status, true));
        g_usleep((gulong) PAUSE_MS * 1000);
    }
}

void
rl_arrival_watch(const RlDomain *domain)
{
    RlDomainRef owner = rl_domain_ref_of(domain);

    if (!is_arriving(&owner) || !rl_worker_detach(domain->name))
        return;
    watch(domain, &owner);
    _exit(0);
}
