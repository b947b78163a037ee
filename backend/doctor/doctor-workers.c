/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/cli/processes.h"
#include "backend/cli/stale-workers.h"
#include "doctor.h"

#define TOPIC "workers"

void
rl_doctor_workers(RlReport *report)
{
    if (rl_report_needs_root(report, TOPIC))
        return;
    g_autoptr(GPtrArray) stale = rl_stale_workers();
    for (guint i = 0; i < stale->len; i++) {
        const RlProcess *process = g_ptr_array_index(stale, i);
        rl_report_wrong(report, TOPIC,
                        "process %d of the hook has run for %lld minutes: unless it copies an "
                        "image ('journalctl -t libvirt-reflink'), type 'kill %d'; the next use of "
                        "the volume does the rest of its work",
                        (int) process->pid, (long long) rl_process_age(process->pid) / 60,
                        (int) process->pid);
    }
    if (stale->len == 0)
        rl_report_ok(report, TOPIC, "none has run for more than %d minutes",
                     RL_STALE_WORKER_SECONDS / 60);
}
