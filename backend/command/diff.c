/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/progress-bar.h"
#include "backend/cli/table.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/changes.h"
#include "common/fs/file-error.h"
#include "common/image/content.h"

typedef struct {
    RlJson *json;        /* NULL: a table */
    uint64_t start, end; /* of a range that may go on; empty where there is none */
    uint64_t ranges, bytes;
} Diff;

/* The range goes no further. Printed at once: there may be more than fit into memory. */
static void
end_range(Diff *diff)
{
    if (diff->start == diff->end)
        return;
    diff->ranges++;
    diff->bytes += diff->end - diff->start;
    if (diff->json) {
        rl_json_begin_object(diff->json, NULL);
        rl_json_number(diff->json, "offset", diff->start);
        rl_json_number(diff->json, "length", diff->end - diff->start);
        rl_json_end(diff->json);
        rl_json_flush(diff->json);
    } else {
        printf("%20" G_GUINT64_FORMAT " %20" G_GUINT64_FORMAT "\n", diff->start,
               diff->end - diff->start);
    }
    diff->start = diff->end;
}

static bool
add_range(uint64_t start, uint64_t length, void *data, GError **error)
{
    Diff *diff = data;

    (void) error;
    if (start != diff->end) {
        end_range(diff);
        diff->start = start;
    }
    diff->end = start + length;
    return true;
}

static void
begin(Diff *diff, const RlCall *call, const struct stat *sizes)
{
    RlJson *json = diff->json;

    if (!json) {
        if (!call->quiet)
            printf("%20s %20s\n", "OFFSET", "LENGTH");
        return;
    }
    rl_json_begin_object(json, NULL);
    rl_json_string(json, "pool", call->pool->path);
    rl_json_string(json, "from", rl_call_name(call, 0));
    rl_json_string(json, "to", rl_call_name(call, 1));
    rl_json_number(json, "from_size", (uint64_t) sizes[0].st_size);
    rl_json_number(json, "to_size", (uint64_t) sizes[1].st_size);
    rl_json_begin_array(json, "ranges");
}

static void
end(Diff *diff, const RlCall *call, const struct stat *sizes, bool exact)
{
    g_autofree char *bytes = rl_table_size(diff->bytes),
                    *from = rl_table_size((uint64_t) sizes[0].st_size),
                    *to = rl_table_size((uint64_t) sizes[1].st_size);

    if (diff->json) {
        rl_json_end(diff->json);
        rl_json_number(diff->json, "changed", diff->bytes);
        rl_json_bool(diff->json, "exact", exact);
        rl_json_end(diff->json);
        rl_json_print(g_steal_pointer(&diff->json));
        return;
    }
    rl_call_say(call, "%" G_GUINT64_FORMAT " ranges, %s%s differ%s%s%s%s%s", diff->ranges, bytes,
                exact ? "" : " at most",
                sizes[0].st_size == sizes[1].st_size ? "" : "; the size is ",
                sizes[0].st_size == sizes[1].st_size ? "" : to,
                sizes[0].st_size == sizes[1].st_size ? "" : " instead of ",
                sizes[0].st_size == sizes[1].st_size ? "" : from, ".");
}

RlExit
rl_command_diff(RlCall *call, GError **error)
{
    gboolean exact = FALSE;
    const GOptionEntry options[] = {
        {"exact", 'x', 0, G_OPTION_ARG_NONE, &exact, "Compare bytes where blocks are not shared",
         NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    rl_autofd int from = rl_content_open(call->pool, rl_call_name(call, 0), false, error);
    rl_autofd int to =
        from < 0 ? -1 : rl_content_open(call->pool, rl_call_name(call, 1), false, error);
    struct stat sizes[2];
    if (from < 0 || to < 0)
        return RL_EXIT_FAILED;
    if (fstat(from, &sizes[0]) < 0)
        return rl_call_done(rl_fail_file(error, errno, from, "cannot examine"));
    if (fstat(to, &sizes[1]) < 0)
        return rl_call_done(rl_fail_file(error, errno, to, "cannot examine"));

    Diff diff = {.json = call->json ? rl_json_new() : NULL};
    RlProgressBar bar;
    const RlProgress progress = rl_progress_bar_begin(&bar, call);
    /* Lines of the table would come between. */
    const RlChangesWish wish = {.exact = exact,
                                .range = add_range,
                                .data = &diff,
                                .progress = rl_table_is_terminal() ? (RlProgress){0} : progress};
    bool by_bytes;
    begin(&diff, call, sizes);
    bool done = rl_changes_find(from, to, &wish, &by_bytes, error);
    rl_progress_bar_end(&bar);
    end_range(&diff);
    if (done)
        end(&diff, call, sizes, exact || by_bytes);
    call->document->printed = rl_json_is_flushed(diff.json);
    rl_json_free(diff.json);
    return rl_call_done(done);
}
