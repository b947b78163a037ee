/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "backend/cli/cli.h"
#include "backend/cli/table.h"
#include "common/pool/free-space.h"
#include "common/pool/scan.h"
#include "show-volume.h"
#include "space.h"

/* Columns of the whole table. */
static const char *const heads[] = {
    "VOLUME",     "KIND",        "STATE",  ">SIZE",  ">ALLOCATED",
    ">REVISIONS", "LAST COMMIT", "SOURCE", "DOMAIN", NULL,
};
#define STATE_COLUMN 2

typedef struct {
    RlTable *table;
    bool tree, utc;
    char *dir; /* of the tree's last row */
} Wide;

/* What the line of a volume has behind its domain. */
static char *
describe_domain(const RlListed *listed, const RlLook *look)
{
    const RlImageOwner *run = look->run;
    const char *domain = run ? run->name : look->below ? look->below : "";
    bool gone = g_strcmp0(rl_look_source_state(look), "gone") == 0;

    return g_strdup_printf("%s%s%s%s%s%s", domain, run && run->ended ? RL_WAITS_FOR_SPACE : "",
                           look->below ? " [backing image of an overlay]" : "",
                           listed->shared ? " [shares its clean image with another volume]" : "",
                           gone ? " [its source is gone]" : "",
                           look->volume->contradictory ? " [its record contradicts its images]"
                                                       : "");
}

/* For a pipe: programs read this line. */
static void
print_line(const RlPool *pool, const RlListed *listed)
{
    g_autoptr(GError) error = NULL;

    if (!listed->exists) {
        printf("%-40s %-10s %-8s %9u\n", listed->name, "-", "deleted", listed->revisions->len);
        return;
    }
    /* One volume that cannot be looked at does not hide the others. */
    g_autoptr(RlLook) look = rl_look(pool, listed->name, &error);
    if (!look) {
        printf("%-40s %s\n", listed->name, error->message);
        return;
    }
    g_autofree char *domain = describe_domain(listed, look);
    printf("%-40s %-10s %-8s %9u  %s\n", listed->name, rl_kind_to_string(look->volume->kind),
           rl_state_to_string(look->state), listed->revisions->len, domain);
}

static guint
count_named(const GPtrArray *revisions)
{
    guint count = 0;

    for (guint i = 0; i < revisions->len; i++)
        count += ((const RlRevision *) g_ptr_array_index(revisions, i))->label != NULL;
    return count;
}

/* "3", or "3 + 1" where one is named. */
static char *
describe_revisions(const GPtrArray *revisions)
{
    guint named = count_named(revisions);

    return named > 0 ? g_strdup_printf("%u + %u", revisions->len - named, named)
                     : g_strdup_printf("%u", revisions->len);
}

static char *
describe_source(const RlLook *look)
{
    const char *state = rl_look_source_state(look);

    if (!state)
        return NULL;
    return strcmp(state, "current") == 0
               ? g_strdup(look->volume->record->source)
               : g_strdup_printf("%s (%s)", look->volume->record->source, state);
}

static char *
describe_since(const RlLook *look, char *domain, bool utc)
{
    gint64 since_us =
        look->run && look->volume->dirty.there ? rl_image_owner_began_us(look->run) : 0;
    if (since_us <= 0)
        return domain;
    g_autofree char *name = domain;
    g_autofree char *time = rl_table_time((time_t) (since_us / G_USEC_PER_SEC), utc);
    return g_strdup_printf("%s, since %s", name, time);
}

static void
add_revisions(const Wide *wide, const RlListed *listed, const char *indent)
{
    for (guint i = 0; i < listed->revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(listed->revisions, i);
        char *name = revision->label
                         ? g_strdup_printf("%s  @%s", indent, revision->label)
                         : g_strdup_printf("%s  @%" G_GUINT64_FORMAT, indent, revision->number);
        rl_table_add(wide->table,
                     (char *[]){name, NULL, NULL, rl_table_size((uint64_t) revision->st.st_size),
                                rl_table_size((uint64_t) revision->st.st_blocks * 512), NULL,
                                rl_table_time(revision->st.st_mtim.tv_sec, wide->utc), NULL, NULL});
    }
}

/* A row for each directory on the way to @dir that has none yet. */
static void
add_directories(Wide *wide, const char *dir)
{
    g_auto(GStrv) now = g_strsplit(dir, "/", -1);
    g_auto(GStrv) before = g_strsplit(wide->dir ? wide->dir : "", "/", -1);
    bool same = true;

    for (guint i = 0; now[i]; i++) {
        same = same && i < g_strv_length(before) && strcmp(now[i], before[i]) == 0;
        if (!same)
            rl_table_add(wide->table, (char *[]){g_strdup_printf("%*s%s/", (int) i * 2, "", now[i]),
                                                 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL});
    }
    g_free(wide->dir);
    wide->dir = g_strdup(dir);
}

static char *
indent_of(const char *dir)
{
    int depth = 1;

    for (const char *c = dir; *c; c++)
        depth += *c == '/';
    return g_strdup_printf("%*s", 2 * depth, "");
}

static void
add_volume(const Wide *wide, const RlListed *listed, const RlLook *look, char *name)
{
    const RlImage *image = rl_look_image(look);
    const RlImage *clean = &look->volume->clean;
    uint64_t size;

    rl_table_add(
        wide->table,
        (char *[]){name, g_strdup(rl_kind_to_string(look->volume->kind)),
                   g_strdup(rl_state_to_string(look->state)),
                   rl_volume_capacity(look->volume, &size, NULL) ? rl_table_size(size) : NULL,
                   rl_table_size(image ? (uint64_t) image->st.st_blocks * 512 : 0),
                   describe_revisions(listed->revisions),
                   clean->there ? rl_table_time(clean->st.st_mtim.tv_sec, wide->utc) : NULL,
                   describe_source(look),
                   describe_since(look, describe_domain(listed, look), wide->utc)});
}

static void
add_wide(Wide *wide, const RlPool *pool, const RlListed *listed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlLook) look = listed->exists ? rl_look(pool, listed->name, &error) : NULL;
    g_autofree char *indent = wide->tree ? indent_of(listed->dir) : g_strdup("");
    char *name = wide->tree ? g_strconcat(indent, listed->leaf, NULL) : g_strdup(listed->name);

    if (wide->tree)
        add_directories(wide, listed->dir);
    if (look)
        add_volume(wide, listed, look, name);
    else
        rl_table_add(wide->table, (char *[]){name, g_strdup("-"), g_strdup(error ? "?" : "deleted"),
                                             NULL, NULL, describe_revisions(listed->revisions),
                                             NULL, NULL, error ? g_strdup(error->message) : NULL});
    if (wide->tree)
        add_revisions(wide, listed, indent);
}

static void
print_space(const RlPool *pool)
{
    g_autofree char *text = NULL;
    uint64_t capacity, available;
    bool low;

    if (!rl_pool_space(pool, &capacity, &available, NULL) ||
        !rl_free_space_look(pool, &low, &text, NULL))
        return;
    g_autofree char *all = rl_table_size(capacity), *left = rl_table_size(available);
    printf("%s of %s are free.%s\n", left, all,
           low ? " That is low: a commit needs space ('virt-reflink prune')." : "");
}

static void
print_wide(const RlPool *pool, const GPtrArray *listed, bool tree, bool utc)
{
    Wide wide = {.table = rl_table_new(heads), .tree = tree, .utc = utc};
    for (guint i = 0; i < listed->len; i++)
        add_wide(&wide, pool, g_ptr_array_index(listed, i));
    rl_table_print(wide.table, STATE_COLUMN);
    g_free(wide.dir);
    print_space(pool);
}

static void
print_json(const RlPool *pool, const GPtrArray *listed)
{
    RlJson *json = rl_json_new();
    rl_space_begin_json(json, pool);
    rl_json_begin_array(json, "volumes");
    for (guint i = 0; i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        g_autoptr(GError) error = NULL;
        g_autoptr(RlLook) look = one->exists ? rl_look(pool, one->name, &error) : NULL;
        rl_json_begin_object(json, NULL);
        rl_json_string(json, "name", one->name);
        if (look)
            rl_look_json(look, json);
        else
            rl_json_string(json, "state", error ? NULL : "deleted");
        if (error)
            rl_json_string(json, "error", error->message);
        if (one->shared)
            rl_json_bool(json, "shared", true);
        rl_look_revisions_json(one->revisions, NULL, one->name, json);
        rl_json_end(json);
    }
    rl_json_end(json);
    rl_json_end(json);
    rl_json_print(json);
}

RlExit
rl_command_list(RlCall *call, GError **error)
{
    gboolean tree = FALSE, wide = FALSE, utc = FALSE;
    const GOptionEntry options[] = {
        {"long", 'l', 0, G_OPTION_ARG_NONE, &wide,
         "Print all columns into a pipe too, as on a terminal", NULL},
        {"tree", 't', 0, G_OPTION_ARG_NONE, &tree, "Show directories and revisions as a tree",
         NULL},
        {"utc", 0, 0, G_OPTION_ARG_NONE, &utc, "Print times in UTC", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    g_autoptr(GPtrArray) listed = rl_scan(call->pool, error);
    if (!listed)
        return RL_EXIT_FAILED;
    rl_look_warn_if_blind(call->pool);
    if (call->json) {
        print_json(call->pool, listed);
        return RL_EXIT_DONE;
    }
    if (wide || tree || rl_table_is_terminal()) {
        print_wide(call->pool, listed, tree, utc);
        return RL_EXIT_DONE;
    }
    printf("%-40s %-10s %-8s %9s  %s\n", "VOLUME", "KIND", "STATE", "REVISIONS", "DOMAIN");
    for (guint i = 0; i < listed->len; i++)
        print_line(call->pool, g_ptr_array_index(listed, i));
    return RL_EXIT_DONE;
}
