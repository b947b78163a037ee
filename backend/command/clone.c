/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/operation/clone.h"

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "common/base/error.h"
#include "common/image/short-path.h"

static void
note(const RlDocument *document, const RlStagedImage *draft)
{
    rl_json_string(document->json, "new",
                   draft->name->form == RL_NAME_HEAD ? draft->name->volume : draft->name->text);
    if (draft->revision > 0)
        rl_json_number(document->json, "revision", draft->revision);
    rl_document_path(document, draft->pool, draft->name->volume);
}

RlExit
rl_command_clone(RlCall *call, GError **error)
{
    if (!rl_call_begin(call, NULL, error))
        return call->exit;

    const char *from = rl_call_name(call, 0);
    g_autofree char *to = rl_short_path_strip(rl_call_name(call, 1)); /* as libvirt's clients do */
    rl_json_string(call->document->json, "from", from);
    g_autoptr(RlStagedImage) draft = rl_clone_make(g_steal_pointer(&call->pool), to, from, error);
    if (!draft) {
        rl_error_about(error, "volume", to);
        return RL_EXIT_FAILED;
    }
    call->document->changed = true;
    note(call->document, draft);
    if (draft->name->form != RL_NAME_HEAD)
        rl_call_say(call, "%s is made from %s.", to, from);
    else
        rl_call_say(call, "%s is a clone of %s.", draft->name->volume, from);
    return rl_call_done(rl_after_new(draft->pool, draft->name->volume, error));
}
