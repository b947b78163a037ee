/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "document.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "image-path.h"

GQuark
rl_call_error_quark(void)
{
    return g_quark_from_static_string("rl-call-error-quark");
}

RlDocument *
rl_document_new(const char *word)
{
    RlDocument *document = g_new0(RlDocument, 1);

    document->json = rl_json_new();
    document->warnings = g_ptr_array_new_with_free_func(g_free);
    document->committed = g_ptr_array_new_with_free_func(g_free);
    rl_json_begin_object(document->json, NULL);
    rl_json_string(document->json, "command", word);
    return document;
}

void
rl_document_free(RlDocument *document)
{
    if (!document)
        return;
    rl_json_free(document->json);
    g_ptr_array_unref(document->warnings);
    g_ptr_array_unref(document->committed);
    g_clear_error(&document->misuse);
    g_free(document);
}

void
rl_document_strings(RlJson *json, const char *name, const GPtrArray *strings)
{
    rl_json_begin_array(json, name);
    for (guint i = 0; i < strings->len; i++)
        rl_json_string(json, NULL, g_ptr_array_index(strings, i));
    rl_json_end(json);
}

void
rl_document_path(const RlDocument *document, const RlPool *pool, const char *name)
{
    g_autofree char *path = rl_image_path(pool, name, NULL);

    if (path)
        rl_json_string(document->json, "path", path);
}

void
rl_document_domain(RlJson *json, const RlDomainRef *domain)
{
    rl_json_begin_object(json, "domain");
    rl_json_string(json, "name", domain->name);
    rl_json_string(json, "uuid", domain->uuid);
    rl_json_string(json, "driver", domain->driver);
    rl_json_end(json);
}

/* Options that are wrong may not have been read: then the word itself counts. */
static bool
has_word(const RlCall *call)
{
    for (int i = 0; i < call->argc && strcmp(call->argv[i], "--") != 0; i++)
        if (strcmp(call->argv[i], "--json") == 0)
            return true;
    return false;
}

static bool
is_report(const RlCall *call)
{
    return call->command->flags & RL_COMMAND_REPORT;
}

bool
rl_document_is_wanted(const RlCall *call, const GError *error)
{
    const RlDocument *document = call->document;

    if (document->printed || !(call->command->flags & (RL_COMMAND_JSON | RL_COMMAND_REPORT)))
        return false;
    if (document->misuse)
        return has_word(call);
    return call->json && (error || is_report(call));
}

static bool
is_full(const GError *error)
{
    return rl_error_is_errno(error, ENOSPC) || rl_error_is_errno(error, EDQUOT);
}

static const char *
code_of(const GError *error)
{
    static const char *const codes[] = {
        [RL_ERROR_NAME] = "name",
        [RL_ERROR_INVALID] = "invalid",
        [RL_ERROR_XML] = "xml",
        [RL_ERROR_EXISTS] = "exists",
        [RL_ERROR_NOT_FOUND] = "not-found",
        [RL_ERROR_BUSY] = "busy",
        [RL_ERROR_STATE] = "state",
        [RL_ERROR_UNSUPPORTED] = "unsupported",
        [RL_ERROR_NOT_BUILT] = "not-built",
        [RL_ERROR_UNTRUSTED] = "untrusted",
    };

    if (error->domain == RL_CALL_ERROR)
        return error->code == RL_CALL_ERROR_USAGE ? "usage" : "unconfirmed";
    if (is_full(error))
        return "no-space";
    if (error->domain == RL_ERROR && error->code >= 0 && error->code < (int) G_N_ELEMENTS(codes))
        return codes[error->code];
    return "system";
}

static bool
ends_sentence(const char *c)
{
    return c[0] == '.' && c[1] == ' ' && (g_ascii_isupper(c[2]) || c[2] == '\'');
}

/* The sentences after the first one say what to do (docs/HACKING.md). What is quoted may have any
 * characters, an apostrophe is no quote. NULL where there is none. */
static const char *
find_advice(const char *message)
{
    bool quoted = false;

    for (const char *c = message; *c; c++) {
        if (*c == '\'')
            quoted = quoted ? g_ascii_isalnum(c[1]) : c == message || !g_ascii_isalnum(c[-1]);
        else if (!quoted && ends_sentence(c))
            return c + 2;
    }
    return NULL;
}

/* Where the message does not say it. */
static const char *
usual_advice(const GError *error)
{
    if (is_full(error))
        return "Free some space, for example with 'virt-reflink prune', and try again";
    if (g_error_matches(error, RL_ERROR, RL_ERROR_BUSY))
        return "Try again later";
    if (g_error_matches(error, RL_ERROR, RL_ERROR_NOT_BUILT))
        return "To make the directory a pool, type 'virt-reflink init'";
    return NULL;
}

/* Of several volumes some failed: each of them is among the warnings. */
static void
write_partial(RlJson *json, const GPtrArray *warnings)
{
    rl_json_begin_object(json, "error");
    rl_json_string(json, "code", "partial");
    rl_json_string(json, "message",
                   warnings->len > 0 ? g_ptr_array_index(warnings, warnings->len - 1)
                                     : "a part of the work failed");
    rl_json_end(json);
}

static void
write_error(RlJson *json, const GError *error)
{
    const char *advice = find_advice(error->message);
    const char *symbol =
        error->domain == RL_ERRNO && error->code > 0 ? strerrorname_np(error->code) : NULL;

    rl_json_begin_object(json, "error");
    rl_json_string(json, "code", code_of(error));
    if (symbol)
        rl_json_string(json, "errno", symbol);
    rl_json_string(json, "message", error->message);
    if (!advice)
        advice = usual_advice(error);
    if (advice)
        rl_json_string(json, "next_step", advice);
    rl_json_end(json);
}

static const char *
outcome_of(const RlDocument *document, RlExit exit)
{
    if (exit == RL_EXIT_FOUND)
        return "found";
    if (exit != RL_EXIT_DONE)
        return "failed";
    return document->planned ? "planned" : "done";
}

void
rl_document_print(RlCall *call, RlExit exit, const GError *error)
{
    RlDocument *document = call->document;
    RlJson *json = document->json;

    if (document->committed->len > 0)
        rl_document_strings(json, "committed", document->committed);
    rl_document_strings(json, "warnings", document->warnings);
    rl_json_string(json, "outcome", outcome_of(document, exit));
    if (is_report(call))
        rl_json_bool(json, "changed", document->changed);
    rl_json_number(json, "exit_status", (guint64) exit);
    if (document->misuse || error)
        write_error(json, document->misuse ? document->misuse : error);
    else if (exit == RL_EXIT_FAILED)
        write_partial(json, document->warnings);
    rl_json_end(json);
    fputs(rl_json_text(json), call->command->flags & RL_COMMAND_STREAM ? stderr : stdout);
    document->printed = true;
}
