/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/question.h"
#include "common/image/short-path.h"
#include "common/operation/clone.h"
#include "common/operation/save.h"

/* The dirty image becomes the named revision @label first, unless dropping it would be refused. A
 * crash in between leaves both. Gives the pool back. */
static bool
keep(RlCall *call, const char *name, const char *label, GError **error)
{
    g_autofree char *to = g_strdup_printf("%s@%s", name, label);

    if (!rl_volume_require_discardable(call->pool, name, error))
        return false;
    g_autoptr(RlStagedImage) draft = rl_clone_make(g_steal_pointer(&call->pool), to, name, error);
    if (!draft)
        return false;
    call->pool = g_steal_pointer(&draft->pool);
    call->document->changed = true;
    rl_json_string(call->document->json, "kept_as", to);
    rl_call_say(call, "What %s has written since its last commit is kept as %s.", name, to);
    return true;
}

static bool
plan(const RlCall *call, const char *name, GError **error)
{
    call->document->planned = true;
    if (!rl_volume_require_discardable(call->pool, name, error))
        return false;
    rl_call_say(call, "The dirty image of %s would be dropped.", name);
    return true;
}

RlExit
rl_command_discard(RlCall *call, GError **error)
{
    gboolean yes = FALSE, dry_run = FALSE;
    g_autofree char *label = NULL;
    const GOptionEntry options[] = {
        {"keep", 'k', 0, G_OPTION_ARG_FILENAME, &label,
         "Keep the dropped image as the named revision VOLUME@LABEL", "LABEL"},
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry_run, "Say what would be dropped", NULL},
        {"yes", 'y', 0, G_OPTION_ARG_NONE, &yes, "Ask no question", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    const char *name = rl_call_name(call, 0);
    if (dry_run)
        return rl_call_done(plan(call, name, error));
    if (!label &&
        !rl_ask(call, yes, error, "Drop all that %s has written since its last commit?", name))
        return RL_EXIT_FAILED;
    if ((label && !keep(call, name, label, error)) || !rl_volume_discard(call->pool, name, error))
        return RL_EXIT_FAILED;
    call->document->changed = true;
    rl_short_path_tidy(call->pool, name);
    rl_call_say(call,
                "The dirty image of %s is dropped. Its clean image and revisions are unchanged.",
                name);
    return rl_call_done(rl_after_change(call->pool, name, false, error));
}
