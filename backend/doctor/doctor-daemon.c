/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "backend/cli/processes.h"
#include "doctor.h"
#include "service.h"

#define MODULE "/reflink.so"
/* What the kernel puts behind the path of a file that is gone (proc(5)). */
#define DELETED " (deleted)"

/* Those that have libvirt's storage driver. */
static const char *const daemons[] = {"libvirtd", "virtstoraged", NULL};

static const char how_to_drop_in[] =
    "install the drop-in 50-libvirt-reflink.conf, and type 'systemctl daemon-reload; systemctl "
    "restart";

/* The path of the module in the daemon's memory, owned by the caller; NULL where there is none. */
static char *
find_module(const char *maps)
{
    g_auto(GStrv) lines = g_strsplit(maps, "\n", -1);

    for (char **line = lines; *line; line++) {
        const char *path = strchr(*line, '/');
        const char *end = path ? strstr(path, MODULE) : NULL;
        if (end && (end[strlen(MODULE)] == '\0' || strcmp(end + strlen(MODULE), DELETED) == 0))
            return g_strdup(path);
    }
    return NULL;
}

static void
look_at_maps(RlReport *report, const RlProcess *process, const char *backends)
{
    g_autofree char *maps = rl_process_read(process->pid, "maps", NULL);
    g_autofree char *module = maps ? find_module(maps) : NULL;
    const char *name = process->name;
    int pid = (int) process->pid;

    if (!maps)
        rl_report_unknown(report, name, "process %d ended meanwhile: run this command again", pid);
    else if (!module)
        rl_report_wrong(report, name,
                        "process %d loads its storage backends from '%s', but has not loaded the "
                        "module: 'journalctl -u %s' says why; then type 'systemctl restart %s'",
                        pid, backends, name, name);
    else if (g_str_has_suffix(module, DELETED))
        rl_report_wrong(
            report, name,
            "process %d has loaded a module that was replaced or removed since: type 'systemctl "
            "restart %s'",
            pid, name);
    else
        rl_report_ok(report, name, "process %d has loaded '%s'", pid, module);
}

static void
look_at_process(RlReport *report, const RlProcess *process, RlService service)
{
    const char *name = process->name;
    gboolean known;

    if (rl_report_needs_root(report, name))
        return;
    g_autofree char *backends = rl_process_environment(process->pid, RL_BACKEND_VARIABLE, &known);
    if (!known)
        rl_report_unknown(report, name, "process %d ended meanwhile: run this command again",
                          (int) process->pid);
    else if (backends)
        look_at_maps(report, process, backends);
    else if (service == RL_SERVICE_HAS)
        rl_report_wrong(report, name,
                        "process %d was started without the drop-in, and treats reflink pools as "
                        "plain directories: type 'systemctl restart %s'",
                        (int) process->pid, name);
    else
        rl_report_wrong(report, name,
                        "process %d was started without the drop-in, and treats reflink pools as "
                        "plain directories: %s %s'",
                        (int) process->pid, how_to_drop_in, name);
    if (backends && service == RL_SERVICE_PLAIN)
        rl_report_wrong(report, name, "its service lacks the drop-in for the next start: %s %s'",
                        how_to_drop_in, name);
}

/* None of them runs: systemd starts one when a client wants it. */
static void
look_at_services(RlReport *report)
{
    guint seen = 0;

    for (size_t i = 0; daemons[i]; i++) {
        RlService service = rl_service_look(daemons[i], RL_BACKEND_VARIABLE);
        if (service != RL_SERVICE_HAS && service != RL_SERVICE_PLAIN)
            continue;
        seen++;
        if (service == RL_SERVICE_HAS)
            rl_report_ok(report, daemons[i], "it does not run; its service has the drop-in");
        else
            rl_report_wrong(report, daemons[i],
                            "it does not run, and its service lacks the drop-in: %s %s'",
                            how_to_drop_in, daemons[i]);
    }
    if (seen == 0)
        rl_report_unknown(report, "daemon",
                          "neither libvirtd nor virtstoraged runs, and systemd has no service of "
                          "that name: start the daemon, and run this command again");
}

void
rl_doctor_daemon(RlReport *report)
{
    g_autoptr(GPtrArray) processes = rl_processes_find(daemons);
    const RlProcess *first = NULL;

    for (guint i = 0; i < processes->len; i++) {
        const RlProcess *process = g_ptr_array_index(processes, i);
        if (process->uid != 0)
            continue;
        look_at_process(report, process, rl_service_look(process->name, RL_BACKEND_VARIABLE));
        if (first && strcmp(first->name, process->name) != 0)
            rl_report_wrong(report, "daemon",
                            "both %s and %s run, and each has the pools: type 'systemctl disable "
                            "--now' with the service and sockets of one of them",
                            first->name, process->name);
        first = first ? first : process;
    }
    if (!first)
        look_at_services(report);
}
