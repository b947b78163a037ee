/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/json.h"
#include "backend/cli/table.h"
#include "common/operation/maintenance.h"
#include "findings.h"

static void
print_json(const RlPool *pool, const GPtrArray *findings)
{
    RlJson *json = rl_json_new();

    rl_json_begin_object(json, NULL);
    rl_json_string(json, "pool", pool->path);
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
    rl_json_end(json);
    rl_json_print(json);
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

/* What loses no data: temporaries, and commits that wait for space there may be by now. */
static void
repair(const RlPool *pool, const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const RlFinding *finding = g_ptr_array_index(findings, i);
        g_autoptr(GError) error = NULL;
        if (strcmp(finding->code, "temporary") == 0 &&
            !rl_volume_clear(pool, finding->volume, &error))
            rl_call_warn("volume '%s': %s", finding->volume, error->message);
    }
    rl_after_space(pool);
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
        repair(call->pool, findings);
        g_ptr_array_unref(findings);
        findings = rl_findings_look(call->pool, error);
    }
    if (!findings)
        return RL_EXIT_FAILED;
    if (call->json)
        print_json(call->pool, findings);
    else
        print_text(call, findings);
    return findings->len > 0 ? RL_EXIT_FOUND : RL_EXIT_DONE;
}
