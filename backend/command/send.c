/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/operation/send.h"

#include <unistd.h>

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/progress-bar.h"
#include "backend/cli/table.h"
#include "backend/cli/target.h"

RlExit
rl_command_send(RlCall *call, GError **error)
{
    g_autofree char *from_text = NULL, *from = NULL, *token = NULL;
    const GOptionEntry options[] = {
        {"from", 'f', 0, G_OPTION_ARG_STRING, &from_text,
         "Send only what changed since this volume or revision", "STATE"},
        {"resume-from", 'r', 0, G_OPTION_ARG_STRING, &token,
         "Send the rest of an interrupted stream ('receive --token' prints TOKEN)", "TOKEN"},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    if (rl_table_is_terminal())
        return rl_call_misused(call, "send: a stream is not written to a terminal: "
                                     "redirect it to a file or a program");
    from = from_text ? rl_target_name(call->pool, from_text, error) : NULL;
    if (from_text && !from)
        return RL_EXIT_FAILED;

    RlPartialNote resume;
    if (token && !rl_partial_note_parse(token, &resume, error))
        return RL_EXIT_FAILED;
    RlProgressBar bar;
    const RlSend send = {.state = rl_call_name(call, 0),
                         .from = from,
                         .resume = token ? &resume : NULL,
                         .out = STDOUT_FILENO,
                         .progress = rl_progress_bar_begin(&bar, call)};
    uint64_t sent;
    bool done = rl_send(call->pool, &send, &sent, error);
    rl_progress_bar_end(&bar);
    rl_json_string(call->document->json, "state", send.state);
    if (from)
        rl_json_string(call->document->json, "from", from);
    rl_json_bool(call->document->json, "resumed", token != NULL);
    if (done)
        rl_json_number(call->document->json, "sent", sent);
    return rl_call_done(done);
}
