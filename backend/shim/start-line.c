/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "start-line.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/libvirt/hook-link.h"
#include "say.h"

/* Those that the hook knows, and the file that has each of them. */
static const struct {
    const char *name;
    const char *module;
} drivers[] = {
    {"qemu", DRIVER_DIR "/libvirt_driver_qemu.so"},
    {"libxl", DRIVER_DIR "/libvirt_driver_libxl.so"},
};
#define N_DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

static void
warn(const char *driver, RlHookLink link, const char *path)
{
    static const char cost[] = "a domain of this driver does not start or stop its volumes";

    switch (link) {
    case RL_HOOK_LINKED:
        return;
    case RL_HOOK_MISSING:
        rl_shim_say(LOG_WARNING,
                    "libvirt-reflink: the hook for %s is not linked; %s: type 'mkdir -p %.*s; ln "
                    "-s " HOOK_INSTALLED " %s', then restart this daemon",
                    driver, cost, (int) (strrchr(path, '/') - path), path, path);
        return;
    case RL_HOOK_DANGLING:
        rl_shim_say(LOG_WARNING,
                    "libvirt-reflink: the hook for %s, '%s', leads to no program; %s: install "
                    "libvirt-reflink again, then restart this daemon",
                    driver, path, cost);
        return;
    case RL_HOOK_NOT_EXECUTABLE:
        rl_shim_say(LOG_WARNING,
                    "libvirt-reflink: the hook for %s, '%s', is not executable; %s: type 'chmod "
                    "755 %s', then restart this daemon",
                    driver, path, cost, path);
        return;
    }
}

static void
warn_of(size_t i)
{
    char path[2 * PATH_MAX];
    RlHookLink link = rl_hook_link_find(RL_HOOKS_DIR, drivers[i].name, path, sizeof(path));

    if (access(drivers[i].module, F_OK) == 0)
        warn(drivers[i].name, link, path);
}

void
rl_start_line_say(const char *version, const char *libvirt)
{
    char path[2 * PATH_MAX], linked[64] = "";

    for (size_t i = 0; i < N_DRIVERS; i++)
        if (rl_hook_link_find(RL_HOOKS_DIR, drivers[i].name, path, sizeof(path)) == RL_HOOK_LINKED)
            snprintf(linked + strlen(linked), sizeof(linked) - strlen(linked), "%s%s",
                     linked[0] ? " and " : "", drivers[i].name);
    rl_shim_say(LOG_INFO, "reflink pools: module%s%s for libvirt %s, hooks linked for %s",
                version ? " " : "", version ? version : "", libvirt,
                linked[0] ? linked : "no driver");
    for (size_t i = 0; i < N_DRIVERS; i++)
        warn_of(i);
}
