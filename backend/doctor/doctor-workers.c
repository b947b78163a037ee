/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "doctor.h"
#include "processes.h"

#define TOPIC "workers"
/* The first 15 bytes of the hook's program, whatever it was called by. */
#define NAME "libvirt-reflink"
#define PROGRAM "/libvirt-reflink-event"
/* It waits two minutes for a domain at most; what is longer is a copy. */
#define SECONDS_MAX (60 * 60)

static bool
is_stale(const RlProcess *process)
{
    g_autofree char *program = rl_process_program(process->pid);

    /* Behind the name may be that the file was replaced since. */
    return program && strstr(program, PROGRAM) && rl_process_age(process->pid) > SECONDS_MAX;
}

void
rl_doctor_workers(RlReport *report)
{
    static const char *const names[] = {NAME, NULL};
    g_autoptr(GPtrArray) processes = NULL;
    guint stale = 0;

    if (rl_report_needs_root(report, TOPIC))
        return;
    processes = rl_processes_find(names);
    for (guint i = 0; i < processes->len; i++) {
        const RlProcess *process = g_ptr_array_index(processes, i);
        if (!is_stale(process))
            continue;
        stale++;
        rl_report_wrong(report, TOPIC,
                        "process %d of the hook has run for %lld minutes: unless it copies an "
                        "image ('journalctl -t libvirt-reflink'), type 'kill %d'; the next use of "
                        "the volume does the rest of its work",
                        (int) process->pid, (long long) rl_process_age(process->pid) / 60,
                        (int) process->pid);
    }
    if (stale == 0)
        rl_report_ok(report, TOPIC, "none has run for more than %d minutes", SECONDS_MAX / 60);
}
