/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor.h"

#include <stdio.h>

bool
rl_command_doctor(void)
{
    static void (*const parts[])(RlReport *) = {
        rl_doctor_module,  rl_doctor_daemon, rl_doctor_hooks,   rl_doctor_apparmor,
        rl_doctor_workers, rl_doctor_pools,  rl_doctor_domains, rl_doctor_session,
    };
    RlReport report = {0};

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        parts[i](&report);
    if (report.wrong + report.unknown > 0)
        fprintf(stderr, "virt-reflink: %u wrong, %u unknown\n", report.wrong, report.unknown);
    return report.wrong + report.unknown == 0;
}
