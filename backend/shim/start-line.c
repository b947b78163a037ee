/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "start-line.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "backend/libvirt/hook-link.h"
#include "say.h"

static void
warn(const char *driver, RlHookLink link, const char *path)
{
    static const char cost[] = "a domain of this driver does not start or stop its volumes";

    switch (link) {
    case RL_HOOK_LINKED:
    case RL_HOOK_HIDDEN:
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

void
rl_start_line_say(const char *version, const char *libvirt)
{
    char path[2 * PATH_MAX], linked[64] = "";
    const char *driver;

    for (size_t i = 0; (driver = rl_hook_driver(i)); i++)
        if (rl_hook_link_find(RL_HOOKS_DIR, driver, path, sizeof(path)) == RL_HOOK_LINKED)
            snprintf(linked + strlen(linked), sizeof(linked) - strlen(linked), "%s%s",
                     linked[0] ? " and " : "", driver);
    rl_shim_say(LOG_INFO, "reflink pools: module%s%s for libvirt %s, hooks linked for %s",
                version ? " " : "", version ? version : "", libvirt,
                linked[0] ? linked : "no driver");
    for (size_t i = 0; (driver = rl_hook_driver(i)); i++)
        if (rl_hook_driver_is_installed(driver)) {
            RlHookLink link = rl_hook_link_find(RL_HOOKS_DIR, driver, path, sizeof(path));
            warn(driver, link, path);
        }
}
