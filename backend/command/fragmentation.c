/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/fs/fragmentation.h"

#include <stdio.h>

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/json.h"
#include "backend/cli/progress-bar.h"
#include "backend/cli/table.h"
#include "each-image.h"
#include "space.h"

static const char *const heads[] = {"IMAGE", ">SIZE",   ">ALLOCATED", ">EXTENTS",
                                    ">MEAN", ">SHARED", NULL};

typedef struct {
    RlTable *table; /* one of them */
    RlJson *json;
} Look;

static void
add_json(RlJson *json, const RlShownImage *image, const RlFragmentation *found)
{
    rl_json_begin_object(json, NULL);
    rl_shown_image_json(json, image);
    rl_json_number(json, "allocated", found->allocated);
    rl_json_number(json, "extents", found->extents);
    rl_json_number(json, "mean_extent", rl_fragmentation_mean(found));
    rl_json_number(json, "shared", found->shared);
    rl_json_bool(json, "exact", found->exact);
    rl_json_end(json);
    rl_json_flush(json);
}

/* Of a whole percent: all only if it is all, and none only if it is none. */
static char *
share_of(uint64_t part, uint64_t whole)
{
    if (part == 0)
        return g_strdup("0%");
    guint percent = (guint) ((double) part * 100 / (double) whole);

    return g_strdup_printf("%u%%", CLAMP(percent, 1, part == whole ? 100 : 99));
}

static void
add_row(RlTable *table, const RlShownImage *image, const RlFragmentation *found)
{
    rl_table_add(
        table,
        (char *[]){rl_shown_image_name(image), rl_table_size((uint64_t) image->st->st_size),
                   rl_table_size(found->allocated),
                   g_strdup_printf("%s%" G_GUINT64_FORMAT, found->exact ? "" : "~", found->extents),
                   rl_table_size(rl_fragmentation_mean(found)),
                   share_of(found->shared, found->allocated)});
}

static bool
look_at(const RlShownImage *image, int fd, const RlProgress *progress, void *data, GError **error)
{
    Look *look = data;
    RlFragmentation found;

    if (!rl_fragmentation_get(fd, progress, &found, error))
        return false;
    if (look->json)
        add_json(look->json, image, &found);
    else
        add_row(look->table, image, &found);
    return true;
}

RlExit
rl_command_fragmentation(RlCall *call, GError **error)
{
    gboolean revisions = FALSE;
    const GOptionEntry options[] = {
        {"revisions", 0, 0, G_OPTION_ARG_NONE, &revisions, "Show the revisions, too", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;

    g_autoptr(RlJson) json = call->json ? rl_json_new() : NULL;
    RlProgressBar bar;
    Look look = {.table = json ? NULL : rl_table_new(heads), .json = json};
    RlEachImage each = {.volume = rl_call_name(call, 0),
                        .revisions = revisions,
                        .function = look_at,
                        .data = &look,
                        .progress = rl_progress_bar_begin(&bar, call)};
    if (json) {
        rl_space_begin_json(json, call->pool);
        rl_json_begin_array(json, "images");
    }
    bool done = rl_each_image(call->pool, &each, error);
    rl_progress_bar_end(&bar);
    if (look.table && !done)
        rl_table_print_part(look.table);
    else if (look.table)
        rl_table_print(look.table, G_MAXUINT);
    call->document->printed = rl_json_is_flushed(json);
    if (done && json) {
        rl_json_end(json);
        rl_json_end(json);
        rl_json_print(g_steal_pointer(&json));
    }
    return rl_call_done(done);
}
