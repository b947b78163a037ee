/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "backend/cli/installed.h"
#include "backend/cli/processes.h"
#include "backend/libvirt/hook-link.h"
#include "doctor.h"

/* libvirt looks for hooks when its daemon starts (virHookInitialize() in src/util/virhook.c): one
 * that found none for a driver calls none. Returns such a daemon's process, 0 where there is none,
 * or none can be told. Seconds are what both dates are good for. */
static pid_t
find_older_daemon(const char *driver, const char *link)
{
    const char *const names[] = {"libvirtd", strcmp(driver, "qemu") == 0 ? "virtqemud" : "virtxend",
                                 NULL};
    g_autoptr(GPtrArray) processes = rl_processes_find(names);
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    struct stat st;

    if (lstat(link, &st) < 0)
        return 0;
    for (guint i = 0; i < processes->len; i++) {
        const RlProcess *process = g_ptr_array_index(processes, i);
        gint64 age = rl_process_age(process->pid);
        if (process->uid == 0 && age >= 0 && st.st_ctim.tv_sec > now - age + 2)
            return process->pid;
    }
    return 0;
}

static void
look_at_dates(RlReport *report, const char *topic, const char *driver, const char *path)
{
    pid_t pid = find_older_daemon(driver, path);

    if (pid == 0)
        rl_report_ok(report, topic, "libvirt calls '%s'", path);
    else
        rl_report_wrong(report, topic,
                        "'%s' was made or changed after libvirt's daemon (process %d) looked for "
                        "hooks, so the daemon possibly does not call it: restart the daemon",
                        path, (int) pid);
}

static void
look_at_link(RlReport *report, const char *driver)
{
    g_autofree char *topic = g_strconcat("hook ", driver, NULL);
    g_autofree char *hook = rl_installed_hook();
    char path[2 * PATH_MAX];
    RlHookLink link = rl_hook_link_find(RL_HOOKS_DIR, driver, path, sizeof(path));
    g_autofree char *directory = g_path_get_dirname(path);

    switch (link) {
    case RL_HOOK_LINKED:
        look_at_dates(report, topic, driver, path);
        return;
    case RL_HOOK_HIDDEN:
        if (!rl_report_needs_root(report, topic))
            rl_report_unknown(report, topic, "'%s' cannot be read", directory);
        return;
    case RL_HOOK_MISSING:
        rl_report_wrong(report, topic,
                        "it is not linked, and domains do not start or stop their volumes: type "
                        "'mkdir -p %s; ln -s %s %s', then restart libvirt's daemon",
                        directory, hook, path);
        return;
    case RL_HOOK_DANGLING:
        rl_report_wrong(report, topic,
                        "'%s' leads to no program, and domains do not start or stop their volumes: "
                        "type 'ln -sf %s %s', then restart libvirt's daemon",
                        path, hook, path);
        return;
    case RL_HOOK_NOT_EXECUTABLE:
        rl_report_wrong(report, topic,
                        "'%s' is not executable, and domains do not start or stop their volumes: "
                        "type 'chmod 755 %s', then restart libvirt's daemon",
                        path, path);
        return;
    }
}

/* It does nothing for a call that it does not know; ld.so(8) ends it where a library is missing. */
static void
try_program(RlReport *report)
{
    g_autofree char *program = rl_installed_hook_program();
    char *argv[] = {program, "doctor", "doctor", "check", "-", NULL};
    const GSpawnFlags flags = G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL;
    g_autoptr(GError) error = NULL;
    int status;

    if (!g_spawn_sync(NULL, argv, NULL, flags, NULL, NULL, NULL, NULL, &status, &error))
        rl_report_wrong(report, "hook program",
                        "'%s' cannot be run: %s: install libvirt-reflink again", program,
                        error->message);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        rl_report_wrong(report, "hook program",
                        "'%s' cannot load a library: install what 'ldd -r %s' does not find",
                        program, program);
    else if (status != 0)
        rl_report_wrong(report, "hook program",
                        "'%s' does not run: see the journal, and install libvirt-reflink again",
                        program);
    else
        rl_report_ok(report, "hook program", "'%s' runs", program);
}

void
rl_doctor_hooks(RlReport *report)
{
    char path[2 * PATH_MAX];
    const char *driver;

    for (size_t i = 0; (driver = rl_hook_driver(i)); i++)
        if (rl_hook_driver_is_installed(driver) ||
            rl_hook_link_find(RL_HOOKS_DIR, driver, path, sizeof(path)) != RL_HOOK_MISSING)
            look_at_link(report, driver);
    try_program(report);
}
