/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/operation/receive.h"

#include <stdio.h>
#include <unistd.h>

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/progress-bar.h"
#include "backend/cli/table.h"
#include "common/base/error.h"
#include "common/image/partial-image.h"
#include "common/image/short-path.h"
#include "common/operation/maintenance.h"
#include "xml/documents.h"

static void
say(const RlCall *call, const char *name, const RlReceived *received)
{
    g_autofree char *amount = rl_table_size(received->moved);
    g_autofree char *date = rl_table_time(received->state.date.tv_sec, false);

    if (received->created)
        rl_call_say(call, "%s is made: its state is that of %s (%s of data received).", name, date,
                    amount);
    else
        rl_call_say(call,
                    "%s has the state of %s (%s of data received); its former state is revision "
                    "%" G_GUINT64_FORMAT ".",
                    name, date, amount, received->revision);
}

static void
note(RlDocument *document, const RlReceived *received)
{
    document->changed = true;
    rl_json_bool(document->json, "created", received->created);
    rl_json_bool(document->json, "incremental", received->incremental);
    rl_json_string(document->json, "state", received->state.id);
    rl_json_time(document->json, "modified", received->state.date.tv_sec);
    rl_json_number(document->json, "size", received->state.size);
    rl_json_number(document->json, "received", received->moved);
    if (!received->created)
        rl_json_number(document->json, "revision", received->revision);
}

/* The pool is opened once more: receiving has taken it over. */
static bool
put_in_order(const RlCall *call, const char *path, const char *name, bool created, GError **error)
{
    g_autoptr(RlPool) pool = rl_pool_open(path, rl_xml_documents(), error);

    if (!pool)
        return false;
    rl_document_path(call->document, pool, name);
    return created ? rl_after_new(pool, name, error) : rl_after_change(pool, name, false, error);
}

/* *@ret_there is false where nothing is kept; else the token and the time it expires. */
static bool
find_kept(const RlPool *pool, const char *name, bool *ret_there, char **ret_token,
          time_t *ret_until, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    RlPartialNote note;

    if (!volume || !rl_partial_find(volume, ret_there, &note, ret_until, error))
        return false;
    *ret_token = *ret_there ? rl_partial_note_format(&note) : NULL;
    return true;
}

static void
note_kept(RlJson *json, const char *token, time_t until)
{
    rl_json_string(json, "resume_token", token);
    rl_json_time(json, "resume_until", until);
}

static RlExit
print_token(const RlCall *call, const char *name, GError **error)
{
    g_autofree char *token = NULL;
    time_t until;
    bool there;

    if (!find_kept(call->pool, name, &there, &token, &until, error))
        return RL_EXIT_FAILED;
    if (!there)
        return rl_call_done(rl_fail(error, RL_ERROR_NOT_FOUND,
                                    "no part of a stream is kept for volume '%s': send all of it",
                                    name));
    note_kept(call->document->json, token, until);
    if (!call->json)
        printf("%s\n", token);
    return RL_EXIT_DONE;
}

static RlExit
drop(const RlCall *call, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(call->pool, name, error);

    if (!volume)
        return RL_EXIT_FAILED;
    call->document->changed = rl_partial_drop(volume);
    rl_call_say(call,
                call->document->changed ? "The kept part of a stream for %s is removed."
                                        : "No part of a stream is kept for %s.",
                name);
    return rl_call_done(rl_volume_clear(call->pool, name, error));
}

/* After a failure. */
static void
say_kept(const RlCall *call, const char *path, const char *name)
{
    g_autoptr(RlPool) pool = rl_pool_open(path, rl_xml_documents(), NULL);
    g_autofree char *token = NULL;
    time_t until;
    bool there = false;

    if (!pool || !find_kept(pool, name, &there, &token, &until, NULL) || !there)
        return;
    g_autofree char *date = rl_table_time(until, false);
    note_kept(call->document->json, token, until);
    rl_call_warn(call,
                 "the received part is kept until %s: send the rest with 'send --resume-from %s'",
                 date, token);
}

static RlExit
receive(RlCall *call, const char *name, bool partial, GError **error)
{
    RlReceived received;
    RlProgressBar bar;

    if (isatty(STDIN_FILENO))
        return rl_call_misused(call, "receive: a stream is not read from a terminal: "
                                     "redirect it from a file or a program");
    g_autofree char *path = g_strdup(call->pool->path);
    const RlReceive how = {.name = name,
                           .in = STDIN_FILENO,
                           .keep_every = partial ? RL_RECEIVE_KEEP_EVERY : 0,
                           .progress = rl_progress_bar_begin(&bar, call)};
    bool done = rl_receive(g_steal_pointer(&call->pool), &how, &received, error);
    rl_progress_bar_end(&bar);
    if (!done) {
        say_kept(call, path, name);
        return RL_EXIT_FAILED;
    }
    note(call->document, &received);
    say(call, name, &received);
    return rl_call_done(put_in_order(call, path, name, received.created, error));
}

RlExit
rl_command_receive(RlCall *call, GError **error)
{
    gboolean partial = FALSE, token = FALSE, discard = FALSE;
    const GOptionEntry options[] = {
        {"partial", 'p', 0, G_OPTION_ARG_NONE, &partial,
         "Keep the received part of an interrupted stream, for 'send --resume-from'", NULL},
        {"token", 't', 0, G_OPTION_ARG_NONE, &token,
         "Print the token for the rest of an interrupted stream; receive nothing", NULL},
        {"drop-partial", 0, 0, G_OPTION_ARG_NONE, &discard,
         "Remove the kept part of a stream; receive nothing", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    if (partial + token + discard > 1)
        return rl_call_misused(call, "receive: only one of these options can be given");
    g_autofree char *name =
        rl_short_path_strip(rl_call_name(call, 0)); /* as libvirt's clients do */
    if (token)
        return print_token(call, name, error);
    return discard ? drop(call, name, error) : receive(call, name, partial, error);
}
