/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "new-pool.h"

static void
note(RlDocument *document, const RlNewPool *new, const RlPool *pool, const char *xml, bool restart)
{
    RlJson *json = document->json;

    rl_json_string(json, "pool", pool->path);
    rl_json_bool(json, "defined", new->define != NULL);
    rl_json_bool(json, "restart", restart);
    rl_json_string(json, "xml", xml);
}

RlExit
rl_command_init(RlCall *call, GError **error)
{
    g_auto(RlNewPool) new = {.keep = -1};
    const GOptionEntry options[] = {
        {"keep", 'k', 0, G_OPTION_ARG_INT, &new.keep,
         "Keep the newest N automatic revisions of each volume (default: 1)", "N"},
        {"copy", 0, 0, G_OPTION_ARG_NONE, &new.copy,
         "Copy images if the file system has no reflinks", NULL},
        {"name", 0, 0, G_OPTION_ARG_STRING, &new.name,
         "The name in the definition (default: that of the directory)", "NAME"},
        {"define", 0, 0, G_OPTION_ARG_STRING, &new.define,
         "Define the pool in libvirt by this name, and start it", "NAME"},
        G_OPTION_ENTRY_NULL,
    };
    g_autofree char *xml = NULL;
    const char *problem;
    bool restart;

    if (!rl_call_begin(call, options, error))
        return call->exit;
    if (!rl_new_pool_is_right(&new, &problem))
        return rl_call_misused(call, "init: %s", problem);
    g_autofree char *path = rl_new_pool_path(rl_call_name(call, 0), error);
    g_autoptr(RlPool) pool = path ? rl_new_pool_make(&new, path, error) : NULL;
    call->document->changed = pool;
    if (!pool || !rl_new_pool_tell(&new, pool, &xml, &restart, error))
        return RL_EXIT_FAILED;
    note(call->document, &new, pool, xml, restart);
    if (!call->json)
        rl_new_pool_say(call, &new, xml, restart);
    return RL_EXIT_DONE;
}
