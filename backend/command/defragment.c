/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/operation/defragment.h"

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/progress-bar.h"
#include "backend/cli/question.h"
#include "backend/cli/size-option.h"
#include "backend/cli/table.h"
#include "common/base/error.h"
#include "common/operation/maintenance.h"
#include "common/pool/snapshot-volumes.h"

/* Random reads of a megabyte cost a disk hardly more than a stream of them. */
#define LIMIT_DEFAULT ((guint64) 1024 * 1024)
#define LIMIT_MIN ((guint64) 4096)
#define LIMIT_MAX ((guint64) 1024 * 1024 * 1024)

#define NUMBER "%" G_GUINT64_FORMAT

/* "1 extent", "2 extents", owned by the caller. */
static char *
count_extents(uint64_t number)
{
    return g_strdup_printf(NUMBER " extent%s", number, number == 1 ? "" : "s");
}

static void
say_left(const RlCall *call, const RlDefragmentPlan *plan)
{
    if (plan->left > 0)
        rl_call_say(call,
                    "More small extents (" NUMBER ") are shared with other images, or lie next to "
                    "such extents: --unshare rewrites them as well.",
                    plan->left);
    if (plan->partial)
        rl_call_say(call, "There are more than that: run the command again afterwards.");
}

static void
say_cost(const RlCall *call, const char *name, const RlDefragmented *found)
{
    const RlDefragmentPlan *plan = &found->plan;
    g_autofree char *bytes = rl_table_size(plan->bytes), *lost = rl_table_size(plan->shared),
                    *extents = count_extents(plan->extents);

    rl_call_say(call, "%s has %s; " NUMBER " small ones can become " NUMBER ".", name, extents,
                plan->pieces, found->ranges);
    rl_call_say(call,
                "%s will be written, which takes additional space until the old image is removed.",
                bytes);
    if (plan->shared > 0)
        rl_call_say(call,
                    "%s of that is shared with other images now, and will take space of its own.",
                    lost);
    else
        rl_call_say(call, "What is shared stays shared: no space is lost.");
    say_left(call, plan);
}

static void
note_plan(RlJson *json, const RlDefragmented *found)
{
    const RlDefragmentPlan *plan = &found->plan;

    rl_json_number(json, "extents_before", plan->extents);
    rl_json_number(json, "small_extents", plan->pieces);
    rl_json_number(json, "ranges", found->ranges);
    rl_json_number(json, "bytes", plan->bytes);
    rl_json_number(json, "unshared", plan->shared);
    rl_json_number(json, "left", plan->left);
    rl_json_bool(json, "partial", plan->partial);
}

/* The images of its snapshots are made ready from the new one. */
static void
maintain_users(const RlCall *call, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) users = rl_snapshot_volumes_list(call->pool, name, &error);

    for (guint i = 0; users && i < users->len && !error; i++)
        rl_volume_maintain(call->pool, g_ptr_array_index(users, i), false, &error);
    if (error)
        rl_call_warn(call,
                     "the snapshot volumes of '%s' may have no precache, so that their next start "
                     "takes longer: %s",
                     name, error->message);
}

static bool
defragment(const RlCall *call, const char *name, const RlDefragmentRule *rule, GError **error)
{
    RlProgressBar bar;
    const RlDefragment how = {.rule = *rule, .progress = rl_progress_bar_begin(&bar, call)};
    RlDefragmented found;
    bool done = rl_volume_defragment(call->pool, name, &how, &found, error);

    rl_progress_bar_end(&bar);
    if (!done)
        return false;
    call->document->changed = found.ranges > 0;
    if (found.ranges > 0)
        rl_json_number(call->document->json, "extents_after", found.after);
    if (found.ranges == 0) {
        rl_call_say(call, "There is nothing to defragment any more.");
        return true;
    }
    g_autofree char *extents = count_extents(found.plan.extents);
    rl_call_say(call, "%s is defragmented: %s became " NUMBER ".", name, extents, found.after);
    maintain_users(call, name);
    return true;
}

/* What was planned. */
static bool
go_on(const RlCall *call, const char *name, const RlDefragmentRule *rule,
      const RlDefragmented *found, bool yes, GError **error)
{
    if (found->ranges == 0) {
        g_autofree char *extents = count_extents(found->plan.extents);
        rl_call_say(call, "%s has %s. There is nothing to defragment.", name, extents);
        say_left(call, &found->plan);
        return true;
    }
    say_cost(call, name, found);
    return rl_ask(call, yes, error, "Defragment volume %s?", name) &&
           defragment(call, name, rule, error);
}

static bool
run(const RlCall *call, const char *name, const RlDefragmentRule *rule, bool yes, bool dry_run,
    GError **error)
{
    RlProgressBar bar;
    const RlDefragment how = {.rule = *rule, .progress = rl_progress_bar_begin(&bar, call)};
    RlDefragmented found;
    g_autoptr(GError) late = NULL;
    bool done = rl_volume_defragment_plan(call->pool, name, &how, &found, error);

    rl_progress_bar_end(&bar);
    if (!done)
        return false;
    note_plan(call->document->json, &found);
    call->document->planned = dry_run;
    if (dry_run && found.ranges > 0)
        say_cost(call, name, &found);
    else
        done = go_on(call, name, rule, &found, yes, error);
    /* The precache was dropped in any case. */
    if (!rl_after_change(call->pool, name, false, &late))
        rl_call_warn(call,
                     "volume '%s' may have no precache, so that its next start takes longer: %s",
                     name, late->message);
    return done;
}

RlExit
rl_command_defragment(RlCall *call, GError **error)
{
    RlDefragmentRule rule = {.limit = LIMIT_DEFAULT};
    gboolean unshare = FALSE, yes = FALSE, dry_run = FALSE;
    g_autofree char *limit = NULL;
    const GOptionEntry options[] = {
        {"limit", 0, 0, G_OPTION_ARG_STRING, &limit,
         "Rewrite only extents that are smaller than SIZE (default: 1M)", "SIZE"},
        {"unshare", 0, 0, G_OPTION_ARG_NONE, &unshare,
         "Rewrite also what other images share; this takes space", NULL},
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry_run, "Say what would be rewritten", NULL},
        {"yes", 'y', 0, G_OPTION_ARG_NONE, &yes, "Ask no question", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    if (limit &&
        (!rl_size_parse(limit, &rule.limit) || rule.limit < LIMIT_MIN || rule.limit > LIMIT_MAX))
        return rl_call_misused(call, "defragment: --limit must be 4K to 1G");
    rule.unshare = unshare;
    return rl_call_done(run(call, rl_call_name(call, 0), &rule, yes, dry_run, error));
}
