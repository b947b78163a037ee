/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "calling-daemon.h"

#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "backend/launcher/variable.h"

/* How many scripts may stand between the daemon and this program. */
#define SCRIPTS_MAX 8

/* The launcher's process number; 0 without one. It is of use while that is our parent only. */
static int
find_launcher(void)
{
    const char *value = g_getenv(RL_LAUNCHER_VARIABLE);

    return value ? atoi(value) : 0;
}

/* proc(5), /proc/PID/stat: PID (NAME) STATE PPID; the name may have anything in it. */
static int
parent_of(int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    const char *name_end;
    int parent;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(name_end = strrchr(text, ')')) ||
        sscanf(name_end, ") %*c %d", &parent) != 1)
        return 0;
    return parent;
}

void
rl_calling_daemon_follow(void)
{
    int launcher = find_launcher();

    if (launcher == 0 || getppid() != launcher)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* It may have ended just before. */
    if (getppid() != launcher)
        raise(SIGKILL);
}

bool
rl_calling_daemon_is_one(int pid)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/exe", pid);
    g_autofree char *path = g_file_read_link(link, NULL);
    g_autofree char *name = path ? g_path_get_basename(path) : NULL;

    /* " (deleted)" follows the name of a daemon that was upgraded while it runs. */
    return name && (g_str_has_prefix(name, "libvirtd") || g_str_has_prefix(name, "virtxend") ||
                    g_str_has_prefix(name, "virtqemud"));
}

int
rl_calling_daemon_find(int *ret_child)
{
    int pid = getppid();

    *ret_child = getpid();
    for (int i = 0; i < SCRIPTS_MAX && pid > 0; i++) {
        if (rl_calling_daemon_is_one(pid))
            return pid;
        *ret_child = pid;
        pid = parent_of(pid);
    }
    return 0;
}

int
rl_calling_daemon_pid(void)
{
    int child, daemon = rl_calling_daemon_find(&child);

    if (daemon > 0)
        return daemon;
    int parent = getppid();
    return parent == find_launcher() ? parent_of(parent) : parent;
}
