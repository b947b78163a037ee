/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hook.h"

#include "at-rest.h"
#include "claim-all.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/image/lost-write-witness.h"
#include "end-volume.h"
#include "header-layers.h"
#include "last-save.h"
#include "layer-base.h"
#include "owner.h"
#include "read-state.h"
#include "refused.h"
#include "run-record.h"
#include "saved-reads.h"
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
add_noted(GPtrArray *uses, const RlDomain *domain, bool told)
{
    guint from = uses->len;

    rl_started_volumes_read(domain, uses);
    for (guint i = from; i < uses->len; i++) {
        RlDomainVolume *use = g_ptr_array_index(uses, i);
        use->doubtful = !told;
    }
}

/* Of a volume that could not be reached, as its file system has failed, nothing was asked. Then its
 * image may still be: nobody else will be told. */
static void
ask_unreached(const RlDomainRef *owner)
{
    g_autoptr(GError) error = NULL;

    if (!rl_witness_ask(owner->uuid, owner, &error))
        rl_log_warning("domain %s: %s", owner->name, error->message);
}

/* Where not each image could be marked that is left to who looks at them next, with the list. */
static void
forget_run(const RlDomain *domain, const RlWork *work, bool failed, bool pending, bool told)
{
    RlRunRecord note;
    /* Of a restore that failed the memory is there still. */
    bool to_restore =
        work->ending == RL_END_FAILED && rl_run_record_read(&work->owner, &note) && note.restored;
    bool saved = work->ending == RL_END_SAVED || to_restore;
    bool to_be_marked = saved || work->ending == RL_END_UNKNOWN;

    /* What is busy still is the worker's, which knows it. What could not be reached now may end
     * with the domain's next run. */
    if (told && !(failed && to_be_marked))
        rl_started_volumes_forget(domain);
    if ((failed || pending) && to_be_marked)
        rl_run_record_leave(&work->owner, saved);
    else
        rl_run_record_forget(&work->owner);
}

/* The domain had no volume. */
static void
forget(const RlDomain *domain)
{
    RlDomainRef owner = rl_domain_ref_of(domain);

    rl_started_volumes_forget(domain);
    rl_run_record_forget(&owner);
}

/* What we have refused to start has nothing to be ended: all that was done for it is put back. */
static bool
was_refused(const RlDomain *domain)
{
    RlDomainRef owner = rl_domain_ref_of(domain);

    if (!rl_refused_take(domain))
        return false;
    rl_run_record_refused(&owner);
    return true;
}

/* How the run ended, as soon as something asks. */
typedef struct {
    bool known;
    RlEndReason reason;
    char *file;
    RlMemory *memory; /* of a save */
} End;

static void
end_clear(End *end)
{
    g_free(end->file);
    rl_memory_free(end->memory);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(End, end_clear)

static void
find_end(const RlDomain *domain, End *end)
{
    if (end->known)
        return;
    end->known = true;
    end->reason = rl_end_reason_find(domain, &end->file);
    if (end->reason == RL_END_SAVED)
        end->memory = rl_end_reason_memory(domain, end->file);
}

/* What it has read must be there, and be known, for its restore. */
static void
end_reads(const RlDomain *domain, char **reads, End *end)
{
    if (!*reads)
        return;
    find_end(domain, end);
    if (end->reason == RL_END_SAVED) {
        rl_layer_bases_keep_read(domain);
        rl_saved_reads_note(domain, end->memory, reads);
    } else if (end->reason == RL_END_STOPPED)
        rl_saved_reads_ran(domain);
}

bool
rl_event_release(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new();
    g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(RlTask));
    g_auto(End) end = {0};
    g_autoptr(GError) first = NULL;

    g_auto(GStrv) reads = rl_read_states_of(domain);
    /* Nothing of a start that was refused is noted. */
    bool refused = was_refused(domain);
    if (!refused)
        end_reads(domain, reads, &end);
    rl_at_rest_end(domain);
    rl_header_layers_forget(domain);
    /* Some were plugged in. */
    if (!refused)
        rl_layer_bases_note(domain);
    bool told = refused ? rl_domain_volumes_find(domain, false, uses, &first)
                        : rl_domain_volumes_find_started(domain, uses, &first);
    bool was_started = rl_started_volumes_is_there(domain);
    add_noted(uses, domain, told);
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
    find_end(domain, &end);
    RlWork work = {tasks, rl_domain_ref_of(domain), end.reason, end.file};
    /* A release is also called for a domain that a hook before ours has kept from its start, or
     * that a migration did not bring here. */
    if (was_started && work.ending != RL_END_FAILED && work.ending != RL_END_ARRIVING)
        rl_claim_all(uses, &work.owner);
    /* The domain may be started again before the worker is through with this run. */
    work.owner.until_us = rl_boot_clock_us();
    work.owner.memory = end.memory;
    if (end.memory) {
        end.memory->reads = g_steal_pointer(&reads);
        rl_last_save_forget(domain);
    }
    if (work.ending == RL_END_UNKNOWN)
        rl_log_warning("domain %s: cannot determine how it ended: its dirty images are kept",
                       domain->name);
    bool pending = false;
    gint64 deadline_us = g_get_monotonic_time() + (gint64) PATIENCE_MS * 1000;
    for (guint i = 0; i < uses->len; i++) {
        RlTask task = finish(g_ptr_array_index(uses, i), &work.owner, work.ending, end.file,
                             deadline_us, &first);
        g_array_append_val(tasks, task);
        pending |= task.pending;
    }
    if (first && !pending)
        ask_unreached(&work.owner);
    rl_witness_dismiss(domain->uuid, !pending);
    if (end.memory && !first)
        rl_last_save_note(domain, end.memory->save);
    forget_run(domain, &work, first != NULL, pending, told);
    rl_worker_start(&work);
    if (!first)
        return true;
    g_propagate_error(error, g_steal_pointer(&first));
    return false;
}
