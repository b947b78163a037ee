/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hook.h"

#include "at-rest.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/image/write-witness.h"
#include "end-run.h"
#include "last-save.h"
#include "named-layers.h"
#include "own.h"
#include "owner.h"
#include "refused.h"
#include "run-record.h"
#include "started-volumes.h"
#include "worker.h"

/* libvirt holds the domain's lock while it waits for us, and with it everybody who lists domains.
 */
#define PATIENCE_MS 1000 /* for all of its volumes together */

/* Ends the run on one volume and says what is left to do for it. */
static RlTask
finish(const RlDomainVolume *use, const RlDomainRef *owner, RlEndReason ending, const char *file,
       gint64 deadline_us, GError **error)
{
    int patience_ms = (int) MAX(deadline_us - g_get_monotonic_time(), 0) / 1000;
    RlTask task = {.use = use};
    g_autoptr(GError) cause = NULL;

    if (rl_end_run(use, owner, ending, file, patience_ms, &task.committed, &cause))
        return task;
    rl_log_warning("domain %s: %s", owner->name, cause->message);
    task.pending = g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY);
    if (!task.pending && error && !*error)
        g_propagate_error(error, g_steal_pointer(&cause));
    return task;
}

/* Adds the volumes that the domain was started on and is not on any more. Where not all of its
 * disks could be @told, it may be on any of them still. */
static void
add_noted(GPtrArray *uses, const char *uuid, bool told)
{
    guint from = uses->len;

    rl_started_volumes_read(uuid, uses);
    for (guint i = from; i < uses->len; i++) {
        RlDomainVolume *use = g_ptr_array_index(uses, i);
        use->doubtful = !told;
    }
}

/* The domain had no volume. */
static void
forget(const RlDomain *domain)
{
    RlDomainRef owner = rl_domain_ref_of(domain);

    rl_started_volumes_forget(domain->uuid);
    rl_run_record_forget(&owner);
}

/* What we have refused to start has nothing to be ended: all that was done for it is put back. */
static bool
was_refused(const RlDomain *domain)
{
    RlDomainRef owner = rl_domain_ref_of(domain);

    if (!rl_refused_take(domain->uuid))
        return false;
    rl_run_record_forget(&owner);
    return true;
}

bool
rl_event_release(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new();
    g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(RlTask));
    g_autofree char *file = NULL;
    g_autoptr(GError) first = NULL;

    rl_at_rest_end(domain);
    rl_named_layers_forget(domain->uuid);
    /* Nothing of a start that was refused is noted. */
    bool refused = was_refused(domain);
    bool told = refused ? rl_domain_volumes_find(domain, false, uses, &first)
                        : rl_domain_volumes_find_started(domain, uses, &first);
    bool was_started = rl_started_volumes_is_there(domain->uuid);
    add_noted(uses, domain->uuid, told);
    if (uses->len == 0) {
        if (told)
            forget(domain);
        else
            g_propagate_error(error, g_steal_pointer(&first));
        return told;
    }

    if (refused) {
        if (!told)
            g_propagate_error(error, g_steal_pointer(&first));
        return told;
    }
    RlWork work = {tasks, rl_domain_ref_of(domain), rl_end_reason_find(domain, &file), file};
    /* A release is also called for a domain that a hook before ours has kept from its start, or
     * that a migration did not bring here. */
    if (was_started && work.ending != RL_END_FAILED && work.ending != RL_END_ARRIVING)
        rl_own_all(uses, &work.owner);
    /* The domain may be started again before the worker is through with this run. */
    work.owner.until_us = rl_boot_clock_us();
    g_autoptr(RlMemory) memory =
        work.ending == RL_END_SAVED ? rl_end_reason_memory(domain, file) : NULL;
    work.owner.memory = memory;
    if (memory)
        rl_last_save_forget(domain->uuid);
    if (work.ending == RL_END_UNKNOWN)
        rl_log_warning("domain %s: cannot determine how it ended: its dirty images are kept",
                       domain->name);
    if (!rl_witness_ask(domain->uuid, &work.owner, error))
        return false;
    bool pending = false;
    gint64 deadline_us = g_get_monotonic_time() + (gint64) PATIENCE_MS * 1000;
    for (guint i = 0; i < uses->len; i++) {
        RlTask task =
            finish(g_ptr_array_index(uses, i), &work.owner, work.ending, file, deadline_us, &first);
        g_array_append_val(tasks, task);
        pending |= task.pending;
    }
    rl_witness_dismiss(domain->uuid, !pending);
    /* What is busy still is the worker's, which knows it. What could not be reached now may end
     * with the domain's next run. */
    if (told)
        rl_started_volumes_forget(domain->uuid);
    if (memory && !first)
        rl_last_save_note(domain->uuid, memory->save);
    rl_run_record_forget(&work.owner);
    rl_worker_start(&work);
    if (!first)
        return true;
    g_propagate_error(error, g_steal_pointer(&first));
    return false;
}
