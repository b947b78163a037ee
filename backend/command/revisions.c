/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/cli/cli.h"
#include "backend/cli/table.h"
#include "common/base/error.h"
#include "revision-changes.h"
#include "show-volume.h"

#define HEADS "REVISION", "LAST WRITE", "REVISION SINCE", ">SIZE", ">ALLOCATED"

static const char *const heads[] = {HEADS, NULL};
static const char *const heads_with_changes[] = {HEADS, ">CHANGED", "SINCE", NULL};

/* "7" or "label", owned by the caller. */
static char *
short_name(const RlRevision *revision)
{
    return revision->label ? g_strdup(revision->label)
                           : g_strdup_printf("%" G_GUINT64_FORMAT, revision->number);
}

static void
print_table(const GPtrArray *revisions, const GArray *changes, bool utc)
{
    RlTable *table = rl_table_new(changes ? heads_with_changes : heads);

    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        const RlChanged *changed = changes ? &g_array_index(changes, RlChanged, i) : NULL;
        bool is_known = changed && changed->before;
        rl_table_add(table, (char *[]){short_name(revision),
                                       rl_table_time(revision->st.st_mtim.tv_sec, utc),
                                       rl_table_time(revision->st.st_ctim.tv_sec, utc),
                                       rl_table_size((uint64_t) revision->st.st_size),
                                       rl_table_size((uint64_t) revision->st.st_blocks * 512),
                                       is_known ? rl_table_size(changed->bytes) : NULL,
                                       is_known ? short_name(changed->before) : NULL});
    }
    rl_table_print(table, 0);
}

static void
print_json(const RlVolume *volume, const GPtrArray *revisions, const GArray *changes)
{
    RlJson *json = rl_json_new();

    rl_json_begin_object(json, NULL);
    rl_json_string(json, "pool", volume->pool->path);
    rl_json_string(json, "name", volume->name->volume);
    rl_look_revisions_json(revisions, changes, volume->name->volume, json);
    rl_json_end(json);
    rl_json_print(json);
}

/* They are also left of a volume whose images were lost. */
static GPtrArray *
list_revisions(const RlVolume *volume, GError **error)
{
    g_autoptr(GPtrArray) revisions = volume->dir >= 0
                                         ? rl_revisions_list(volume->dir, volume->name->leaf, error)
                                         : rl_revisions_new();

    if (!revisions || revisions->len > 0 || rl_volume_exists(volume))
        return g_steal_pointer(&revisions);
    rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'", volume->name->volume,
            volume->pool->path);
    return NULL;
}

RlExit
rl_command_revisions(RlCall *call, GError **error)
{
    gboolean utc = FALSE, wants_changes = FALSE;
    const GOptionEntry options[] = {
        {"changes", 'c', 0, G_OPTION_ARG_NONE, &wants_changes,
         "Show how much each differs from the one before it", NULL},
        {"utc", 0, 0, G_OPTION_ARG_NONE, &utc, "Print times in UTC", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    g_autoptr(RlVolume) volume = rl_volume_open(call->pool, rl_call_name(call, 0), error);
    g_autoptr(GPtrArray) revisions = volume ? list_revisions(volume, error) : NULL;
    if (!revisions)
        return RL_EXIT_FAILED;
    g_autoptr(GArray) changes =
        wants_changes ? rl_revision_changes(call, volume, revisions, error) : NULL;
    if (wants_changes && !changes)
        return RL_EXIT_FAILED;
    if (call->json)
        print_json(volume, revisions, changes);
    else
        print_table(revisions, changes, utc);
    return RL_EXIT_DONE;
}
