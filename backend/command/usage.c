/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/json.h"
#include "backend/cli/progress-bar.h"
#include "backend/cli/table.h"
#include "common/fs/allocation.h"
#include "each-image.h"
#include "space.h"

static const char *const heads[] = {"IMAGE", ">SIZE", ">EXCLUSIVE", ">SHARED", ">EXTENTS", NULL};

typedef struct {
    RlTable *table; /* one of them */
    RlJson *json;
    uint64_t exclusive; /* bytes, of all */
    bool exact;
} Usage;

/* What of a file with two names would be given back only with both. */
static void
respect_links(const struct stat *st, RlAllocation *allocation)
{
    if (st->st_nlink <= 1)
        return;
    allocation->shared += allocation->exclusive;
    allocation->exclusive = 0;
}

static void
add_json(RlJson *json, const RlShownImage *image, const RlAllocation *allocation)
{
    rl_json_begin_object(json, NULL);
    rl_shown_image_json(json, image);
    rl_json_number(json, "exclusive", allocation->exclusive);
    rl_json_number(json, "shared", allocation->shared);
    rl_json_number(json, "extents", allocation->extents);
    rl_json_bool(json, "exact", allocation->exact);
    rl_json_end(json);
    rl_json_flush(json);
}

static void
add_row(RlTable *table, const RlShownImage *image, const RlAllocation *allocation)
{
    char *exclusive = rl_table_size(allocation->exclusive);

    if (!allocation->exact) {
        g_autofree char *known = exclusive;
        exclusive = g_strconcat("~", known, NULL);
    }
    rl_table_add(table, (char *[]){rl_shown_image_name(image),
                                   rl_table_size((uint64_t) image->st->st_size), exclusive,
                                   rl_table_size(allocation->shared),
                                   g_strdup_printf("%" G_GUINT64_FORMAT, allocation->extents)});
}

static bool
add_image(const RlShownImage *image, int fd, const RlProgress *progress, void *data, GError **error)
{
    Usage *usage = data;
    RlAllocation allocation;

    if (!rl_allocation_get(fd, progress, &allocation, error))
        return false;
    respect_links(image->st, &allocation);
    usage->exclusive += allocation.exclusive;
    usage->exact = usage->exact && allocation.exact;
    if (usage->json)
        add_json(usage->json, image, &allocation);
    else
        add_row(usage->table, image, &allocation);
    return true;
}

static void
begin_json(RlJson *json, const RlPool *pool)
{
    rl_space_begin_json(json, pool);
    rl_json_begin_array(json, "images");
}

static void
print_sum(const Usage *usage, const RlPool *pool)
{
    g_autofree char *exclusive = rl_table_size(usage->exclusive);
    uint64_t capacity, available;

    printf("%s%s are exclusive to one image each", usage->exact ? "" : "About ", exclusive);
    if (rl_pool_space(pool, &capacity, &available, NULL)) {
        g_autofree char *all = rl_table_size(capacity), *left = rl_table_size(available);
        printf("; %s of %s are free", left, all);
    }
    printf(".\n");
}

RlExit
rl_command_usage(RlCall *call, GError **error)
{
    if (!rl_call_begin(call, NULL, error))
        return call->exit;

    g_autoptr(RlJson) json = call->json ? rl_json_new() : NULL;
    Usage usage = {.table = json ? NULL : rl_table_new(heads), .json = json, .exact = true};
    if (json)
        begin_json(json, call->pool);
    RlProgressBar bar;
    RlEachImage each = {.volume = rl_call_name(call, 0),
                        .precaches = true,
                        .revisions = true,
                        .function = add_image,
                        .data = &usage,
                        .progress = rl_progress_bar_begin(&bar, call)};
    bool done = rl_each_image(call->pool, &each, error);
    rl_progress_bar_end(&bar);
    if (usage.table && !done)
        rl_table_print_part(usage.table);
    else if (usage.table)
        rl_table_print(usage.table, G_MAXUINT);
    call->document->printed = rl_json_is_flushed(json);
    if (done && json) {
        rl_json_end(json);
        rl_json_number(json, "exclusive", usage.exclusive);
        rl_json_end(json);
        rl_json_print(g_steal_pointer(&json));
    } else if (done && !call->quiet) {
        print_sum(&usage, call->pool);
    }
    return rl_call_done(done);
}
