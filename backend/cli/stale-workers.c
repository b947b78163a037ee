/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stale-workers.h"

#include <stdbool.h>
#include <string.h>

#include "processes.h"

/* The first 15 bytes of the hook's program, whatever it was called by. */
#define NAME "libvirt-reflink"
#define PROGRAM "/libvirt-reflink-event"

static bool
is_stale(const RlProcess *process)
{
    g_autofree char *program = rl_process_program(process->pid);

    /* Behind the name may be that the file was replaced since. */
    return program && strstr(program, PROGRAM) &&
           rl_process_age(process->pid) > RL_STALE_WORKER_SECONDS;
}

GPtrArray *
rl_stale_workers(void)
{
    static const char *const names[] = {NAME, NULL};
    GPtrArray *processes = rl_processes_find(names);

    for (guint i = processes->len; i > 0; i--)
        if (!is_stale(g_ptr_array_index(processes, i - 1)))
            g_ptr_array_remove_index(processes, i - 1);
    return processes;
}
