/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/table.h"
#include "common/operation/maintenance.h"
#include "findings.h"

static void
note_findings(RlJson *json, const GPtrArray *findings)
{
    rl_json_begin_array(json, "findings");
    for (guint i = 0; i < findings->len; i++) {
        const RlFinding *finding = g_ptr_array_index(findings, i);
        rl_json_begin_object(json, NULL);
        rl_json_string(json, "code", finding->code);
        if (finding->volume)
            rl_json_string(json, "volume", finding->volume);
        rl_json_string(json, "problem", finding->problem);
        if (finding->step)
            rl_json_string(json, "next_step", finding->step);
        rl_json_end(json);
    }
    rl_json_end(json);
}

static void
print_text(const RlCall *call, const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const RlFinding *finding = g_ptr_array_index(findings, i);
        char *line = g_strdup_printf("%s: %s: %s%s%s", finding->volume ? finding->volume : "pool",
                                     finding->code, finding->problem, finding->step ? "; " : "",
                                     finding->step ? finding->step : "");
        g_autofree char *clean = rl_table_clean(line);
        rl_call_say(call, "%s", clean);
    }
    if (findings->len == 0)
        rl_call_say(call, "The pool is in order.");
}

/* What loses no data: temporaries, and commits that wait for space there may be by now. The volumes
 * of the former are the array "cleared". */
static void
repair(RlCall *call, const GPtrArray *findings)
{
    g_autoptr(GPtrArray) cleared = g_ptr_array_new();

    for (guint i = 0; i < findings->len; i++) {
        const RlFinding *finding = g_ptr_array_index(findings, i);
        g_autoptr(GError) error = NULL;
        if (strcmp(finding->code, "temporary") != 0)
            continue;
        if (rl_volume_clear(call->pool, finding->volume, &error))
            g_ptr_array_add(cleared, finding->volume);
        else
            rl_call_warn(call, "volume '%s': %s", finding->volume, error->message);
    }
    call->document->changed = cleared->len > 0;
    rl_document_strings(call->document->json, "cleared", cleared);
    rl_after_space(call);
}

RlExit
rl_command_check(RlCall *call, GError **error)
{
    gboolean wants_repair = FALSE;
    const GOptionEntry options[] = {
        {"repair", 0, 0, G_OPTION_ARG_NONE, &wants_repair,
         "Remove unused temporary files, and try again each commit that waits for space", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    g_autoptr(GPtrArray) findings = rl_findings_look(call->pool, error);
    if (!findings)
        return RL_EXIT_FAILED;
    if (wants_repair && findings->len > 0) {
        repair(call, findings);
        g_ptr_array_unref(findings);
        findings = rl_findings_look(call->pool, error);
    }
    if (!findings)
        return RL_EXIT_FAILED;
    note_findings(call->document->json, findings);
    print_text(call, findings);
    return findings->len > 0 ? RL_EXIT_FOUND : RL_EXIT_DONE;
}
