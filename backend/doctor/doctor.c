/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor.h"

#include <stdio.h>

#include "backend/cli/cli.h"

static void
end_json(RlReport *report)
{
    rl_json_end(report->json);
    rl_json_number(report->json, "wrong", report->wrong);
    rl_json_number(report->json, "unknown", report->unknown);
    rl_json_end(report->json);
    rl_json_print(g_steal_pointer(&report->json));
}

RlExit
rl_command_doctor(RlCall *call, GError **error)
{
    if (!rl_call_begin(call, NULL, error))
        return call->exit;

    static void (*const parts[])(RlReport *) = {
        rl_doctor_module,  rl_doctor_daemon, rl_doctor_hooks,   rl_doctor_apparmor,
        rl_doctor_workers, rl_doctor_pools,  rl_doctor_domains, rl_doctor_session,
    };
    RlReport report = {.json = call->json ? rl_json_new() : NULL};

    if (report.json) {
        rl_json_begin_object(report.json, NULL);
        rl_json_begin_array(report.json, "topics");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        parts[i](&report);
    if (report.json)
        end_json(&report);
    if (!call->json && report.wrong + report.unknown > 0)
        fprintf(stderr, "virt-reflink: %u wrong, %u unknown\n", report.wrong, report.unknown);
    return rl_call_done(report.wrong + report.unknown == 0);
}
