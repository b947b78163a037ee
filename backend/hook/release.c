/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

#include "common/error.h"
#include "common/log.h"
#include "disks.h"
#include "owner.h"
#include "stopping.h"
#include "worker.h"
#include "xml/documents.h"

/* libvirt holds the domain's lock while it waits for us, and with it everybody who lists domains.
 */
#define PATIENCE_MS 1000

bool
rl_stop_patiently(const RlUse *use, const RlOwner *owner, int patience_ms, RlStop *ret_stop,
                  GError **error)
{
    g_autoptr(RlPool) pool = rl_pool_open(use->root, rl_xml_documents(), error);
    int pause_ms = 10;

    if (!pool)
        return false;
    for (int waited_ms = 0;; waited_ms += pause_ms, pause_ms = MIN(pause_ms * 2, 500)) {
        g_autoptr(GError) cause = NULL;
        if (rl_volume_stop(pool, use->name, owner, ret_stop, &cause))
            return true;
        if (!g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY) || waited_ms >= patience_ms) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        g_usleep((gulong) pause_ms * 1000);
    }
}

/* Stops one volume and says what is left to do for it. */
static RlTask
stop(const RlUse *use, const RlOwner *owner, GError **error)
{
    RlTask task = {.use = use};
    g_autoptr(GError) cause = NULL;
    RlStop outcome;

    if (rl_stop_patiently(use, owner, PATIENCE_MS, &outcome, &cause)) {
        task.committed = outcome == RL_STOP_COMMITTED;
        return task;
    }
    rl_log_warning("domain %s: %s", owner->name, cause->message);
    task.pending = g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY);
    if (!task.pending && error && !*error)
        g_propagate_error(error, g_steal_pointer(&cause));
    return task;
}

bool
rl_event_release(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_uses_find(domain, false, error);
    g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(RlTask));
    RlOwner owner = rl_owner_of(domain);
    g_autoptr(GError) first = NULL;

    if (!uses)
        return false;
    for (guint i = 0; i < uses->len; i++) {
        RlTask task = stop(g_ptr_array_index(uses, i), &owner, &first);
        g_array_append_val(tasks, task);
    }
    if (tasks->len > 0)
        rl_worker_start(tasks, &owner);
    if (!first)
        return true;
    g_propagate_error(error, g_steal_pointer(&first));
    return false;
}
