/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service.h"

#include <glib.h>
#include <string.h>
#include <unistd.h>

/* sd_booted(3). */
#define SYSTEMD_RUNS "/run/systemd/system"

RlService
rl_service_look(const char *name, const char *variable)
{
    g_autofree char *unit = g_strconcat(name, ".service", NULL);
    g_autofree char *assignment = g_strconcat(variable, "=", NULL);
    g_autofree char *said = NULL;
    char *argv[] = {"systemctl", "show", "--property=LoadState,Environment", unit, NULL};
    int status;

    if (access(SYSTEMD_RUNS, F_OK) < 0 ||
        !g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                      NULL, &said, NULL, &status, NULL) ||
        status != 0)
        return RL_SERVICE_UNKNOWN;
    if (!strstr(said, "LoadState=loaded"))
        return RL_SERVICE_MISSING;
    return strstr(said, assignment) ? RL_SERVICE_HAS : RL_SERVICE_PLAIN;
}
