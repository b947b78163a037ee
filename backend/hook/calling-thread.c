/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "calling-thread.h"

#include <string.h>

#include "calling-daemon.h"

/* The kernel may pass over a child while another one of the thread ends: proc_pid_task(5). */
#define TRIES 3
/* proc_pid_stat(5): the time of the start, counted from the parenthesis that ends the name. */
#define START_FIELD 20
/* "rpc-libvirtd", "rpc-virtqemud"; and those that take none but short calls begin with "prio-":
 * virNetServerNew(). */
#define SERVES "rpc-"

char **
rl_thread_children(int process, const char *thread)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%s/children", process, thread);
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? g_strsplit(g_strchomp(text), " ", -1)
                                                        : NULL;
}

/* Its number, which another one may get when it has ended, and when it began. NULL when it has
 * ended. */
static char *
describe(int process, const char *thread)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%s/stat", process, thread);
    g_autofree char *text = NULL;
    const char *name_end;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(name_end = strrchr(text, ')')))
        return NULL;
    g_auto(GStrv) fields = g_strsplit(name_end, " ", START_FIELD + 2);
    return g_strv_length(fields) > START_FIELD
               ? g_strdup_printf("%s %s", thread, fields[START_FIELD])
               : NULL;
}

/* The thread of @process that has begun the process @child. */
static char *
find_thread(int process, int child)
{
    g_autofree char *dir = g_strdup_printf("/proc/%d/task", process);
    g_autofree char *number = g_strdup_printf("%d", child);
    g_autoptr(GDir) threads = g_dir_open(dir, 0, NULL);
    const char *thread;

    while (threads && (thread = g_dir_read_name(threads))) {
        g_auto(GStrv) children = rl_thread_children(process, thread);
        if (children && g_strv_contains((const char *const *) children, number))
            return describe(process, thread);
    }
    return NULL;
}

char *
rl_calling_thread_find(void)
{
    int child;
    int daemon = rl_calling_daemon_find(&child);
    char *thread = NULL;

    for (int i = 0; daemon > 0 && !thread && i < TRIES; i++)
        thread = find_thread(daemon, child);
    return thread;
}

bool
rl_calling_thread_has_ended(const char *noted)
{
    int child;
    int daemon = rl_calling_daemon_find(&child);
    g_autofree char *number = g_strndup(noted, strcspn(noted, " "));

    if (daemon <= 0 || !g_ascii_isdigit(noted[0]))
        return false;
    g_autofree char *now = describe(daemon, number);
    return g_strcmp0(now, noted) != 0;
}

bool
rl_calling_thread_serves_client(void)
{
    int child;
    int daemon = rl_calling_daemon_find(&child);
    g_autofree char *thread = rl_calling_thread_find();

    if (!thread)
        return false;
    g_autofree char *number = g_strndup(thread, strcspn(thread, " "));
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%s/comm", daemon, number);
    g_autofree char *name = NULL;
    return g_file_get_contents(path, &name, NULL, NULL) && g_str_has_prefix(name, SERVES);
}

RlThreadMatch
rl_calling_thread_match(const char *noted)
{
    g_autofree char *thread = noted && *noted ? rl_calling_thread_find() : NULL;

    if (!thread)
        return RL_THREAD_UNKNOWN;
    return strcmp(thread, noted) == 0 ? RL_THREAD_SAME : RL_THREAD_OTHER;
}
