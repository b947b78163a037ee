/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "common/operation/save.h"
#include "common/pool/volume-state.h"

/* What is done with the volume next would be refused. */
static void
say_what_is_above(const RlCall *call, const char *name)
{
    g_autoptr(RlVolume) volume = rl_volume_open(call->pool, name, NULL);
    g_autoptr(RlImageOwner) run = NULL;
    g_autofree char *below = NULL;
    RlState state;

    if (!volume || !rl_state_get_below(volume, &state, &run, &below, NULL) || !below)
        return;
    rl_json_string(call->document->json, "overlay_of", below);
    rl_call_say(call,
                "Domain '%s' has an overlay on it. To give up that as well, type 'virt-reflink "
                "continue' once more.",
                below);
}

RlExit
rl_command_continue(RlCall *call, GError **error)
{
    if (!rl_call_begin(call, NULL, error))
        return call->exit;

    const char *name = rl_call_name(call, 0);

    if (!rl_volume_continue(call->pool, name, error))
        return RL_EXIT_FAILED;
    call->document->changed = true;
    rl_call_say(call,
                "%s keeps its dirty image. The next start continues with it, without saved memory.",
                name);
    say_what_is_above(call, name);
    return RL_EXIT_DONE;
}
