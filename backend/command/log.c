/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/cli/cli.h"
#include "backend/cli/table.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/volume-name.h"

typedef struct {
    gboolean all, utc;
    int lines;
} Wish;

/* The words of journalctl(1), owned by the caller: matches of different fields are all required. */
static GPtrArray *
arguments_for(const RlCall *call, const RlName *name, const Wish *wish)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *pool = rl_pool_real_path(call->pool);

    g_ptr_array_add(words, g_strdup("journalctl"));
    g_ptr_array_add(words, g_strdup("--quiet"));
    g_ptr_array_add(words, g_strdup("--reverse"));
    g_ptr_array_add(words, g_strdup("--identifier=" RL_LOG_IDENTIFIER));
    /* Of root's processes alone: anybody can send lines with the other fields. */
    g_ptr_array_add(words, g_strdup("_UID=0"));
    g_ptr_array_add(words, g_strdup(call->json ? "--output=json" : "--output=short-iso"));
    if (!wish->all)
        g_ptr_array_add(words, g_strdup("--priority=info"));
    if (wish->utc)
        g_ptr_array_add(words, g_strdup("--utc"));
    if (wish->lines > 0)
        g_ptr_array_add(words, g_strdup_printf("--lines=%d", wish->lines));
    if (!rl_table_is_terminal())
        g_ptr_array_add(words, g_strdup("--no-pager"));
    g_ptr_array_add(words, g_strdup_printf("REFLINK_POOL=%s", pool));
    g_ptr_array_add(words, g_strdup_printf("REFLINK_VOLUME=%s", name->volume));
    if (name->form == RL_NAME_REVISION)
        g_ptr_array_add(words,
                        g_strdup_printf("REFLINK_REVISION=%" G_GUINT64_FORMAT, name->number));
    g_ptr_array_add(words, NULL);
    return words;
}

/* Nothing would be printed: a person could not tell that from a command that does nothing. */
static bool
is_empty(const GPtrArray *words)
{
    g_autoptr(GPtrArray) first = g_ptr_array_new();
    g_autofree char *out = NULL;

    for (guint i = 0; words->pdata[i]; i++)
        g_ptr_array_add(first, words->pdata[i]);
    g_ptr_array_add(first, (char *) "--lines=1"); /* the last one counts */
    g_ptr_array_add(first, NULL);
    return g_spawn_sync(NULL, (char **) first->pdata, NULL,
                        G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL,
                        NULL, NULL) &&
           !*out;
}

/* The volume need not exist any more. */
RlExit
rl_command_log(RlCall *call, GError **error)
{
    Wish wish = {0};
    const GOptionEntry options[] = {
        {"all", 'a', 0, G_OPTION_ARG_NONE, &wish.all, "Show each operation on a file as well",
         NULL},
        {"lines", 'n', 0, G_OPTION_ARG_INT, &wish.lines, "Show the newest N lines", "N"},
        {"utc", 0, 0, G_OPTION_ARG_NONE, &wish.utc, "Print times in UTC", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    if (wish.lines < 0)
        return rl_call_misused(call, "log: --lines must be 1 or more");
    g_autoptr(RlName) name = rl_name_parse(rl_call_name(call, 0), error);
    if (!name)
        return RL_EXIT_FAILED;
    g_autoptr(GPtrArray) words = arguments_for(call, name, &wish);
    if (!call->json && is_empty(words)) {
        rl_call_say(call,
                    "The journal has no events of %s. It forgets them at each boot if there is no "
                    "/var/log/journal.",
                    name->text);
        return RL_EXIT_DONE;
    }
    execvp("journalctl", (char **) words->pdata);
    return rl_call_done(rl_fail_errno(error, errno, "cannot run journalctl, which reads the log"));
}
