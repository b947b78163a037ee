/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "processes.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
process_free(void *data)
{
    RlProcess *process = data;

    g_free(process->name);
    g_free(process);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return (*(RlProcess *const *) a)->pid - (*(RlProcess *const *) b)->pid;
}

/* Only root sees the namespace of another user's process. */
static bool
is_of_container(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/pid", (int) pid);
    g_autofree char *theirs = g_file_read_link(path, NULL);
    g_autofree char *ours = g_file_read_link("/proc/self/ns/pid", NULL);

    return theirs && ours && strcmp(theirs, ours) != 0;
}

static void
add_if_named(GPtrArray *found, const char *entry, const char *const *names)
{
    char *end;
    pid_t pid = (pid_t) strtol(entry, &end, 10);
    g_autofree char *path = g_strdup_printf("/proc/%d", (int) pid);
    struct stat st;

    if (*end || pid <= 0)
        return;
    g_autofree char *name = rl_process_read(pid, "comm", NULL);
    if (!name)
        return;
    g_strchomp(name);
    if (!g_strv_contains(names, name) || stat(path, &st) < 0 || is_of_container(pid))
        return;
    RlProcess *process = g_new0(RlProcess, 1);
    process->pid = pid;
    process->uid = st.st_uid;
    process->name = g_steal_pointer(&name);
    g_ptr_array_add(found, process);
}

GPtrArray *
rl_processes_find(const char *const *names)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(process_free);
    g_autoptr(GDir) entries = g_dir_open("/proc", 0, NULL);
    const char *entry;

    while (entries && (entry = g_dir_read_name(entries)))
        add_if_named(found, entry, names);
    g_ptr_array_sort(found, compare);
    return found;
}

char *
rl_process_read(pid_t pid, const char *file, gsize *ret_length)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int) pid, file);
    char *text = NULL;

    return g_file_get_contents(path, &text, ret_length, NULL) ? text : NULL;
}

char *
rl_process_program(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/exe", (int) pid);

    return g_file_read_link(path, NULL);
}

char *
rl_process_environment(pid_t pid, const char *variable, gboolean *ret_known)
{
    gsize length = 0, size = strlen(variable);
    g_autofree char *text = rl_process_read(pid, "environ", &length);

    *ret_known = text != NULL;
    for (gsize i = 0; text && i < length; i += strlen(text + i) + 1)
        if (strncmp(text + i, variable, size) == 0 && text[i + size] == '=')
            return g_strdup(text + i + size + 1);
    return NULL;
}

/* Field 22, in ticks since the boot; the name before it, in parentheses, may have spaces. */
gint64
rl_process_age(pid_t pid)
{
    g_autofree char *text = rl_process_read(pid, "stat", NULL);
    g_autofree char *uptime = NULL;
    const char *behind = text ? strrchr(text, ')') : NULL;
    unsigned long long started;

    if (!behind || !g_file_get_contents("/proc/uptime", &uptime, NULL, NULL) ||
        sscanf(behind + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
               "%*d %llu",
               &started) != 1)
        return -1;
    return (gint64) strtod(uptime, NULL) - (gint64) started / sysconf(_SC_CLK_TCK);
}
