/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "backend/cli/cli.h"
#include "backend/cli/table.h"
#include "backend/libvirt/xen-disks.h"
#include "common/operation/before-edit.h"
#include "common/pool/writers.h"
#include "reason.h"

/* One line of what is shown: takes @text over. */
static void
print_line(const char *what, char *text)
{
    g_autofree char *line = rl_table_clean(text);

    printf("%-16s %s\n", what, line);
}

static void
print_image(const char *what, const RlVolume *volume, const char *file, const RlImage *image)
{
    if (!image->there)
        return;
    g_autofree char *path = g_build_filename(volume->pool->path, volume->name->dir, file, NULL),
                    *size = rl_table_size((uint64_t) image->st.st_size),
                    *allocated = rl_table_size((uint64_t) image->st.st_blocks * 512);
    print_line(what, g_strdup_printf("%9s (%lld bytes), %9s allocated, %s", size,
                                     (long long) image->st.st_size, allocated, path));
}

/* What keeps a volume from starting, and its domain's end from being committed. */
static void
print_writer(const char *what, const char *which, const RlVolume *volume, const char *file,
             const RlImage *image)
{
    g_autofree char *writer = image->there ? rl_clean_find_writer(volume, file) : NULL;

    if (writer)
        print_line(what, g_strdup_printf("the %s image, by %s", which, writer));
}

static void
print_revisions(const GPtrArray *revisions, const char *volume, bool utc)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    glong width = 0;

    for (guint i = 0; i < revisions->len; i++) {
        char *name = rl_revision_name(g_ptr_array_index(revisions, i), volume);
        g_ptr_array_add(names, name);
        width = MAX(width, g_utf8_strlen(name, -1));
    }
    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *time = rl_table_time(revision->st.st_mtim.tv_sec, utc),
                        *size = rl_table_size((uint64_t) revision->st.st_size);
        print_line("revision",
                   g_strdup_printf("%s%*s  %s  %9s", name, (int) (width - g_utf8_strlen(name, -1)),
                                   "", time, size));
    }
}

static void
print_source(const RlLook *look)
{
    const char *state = rl_look_source_state(look);

    if (state)
        print_line("source",
                   g_strconcat(look->volume->record->source,
                               g_str_equal(state, "gone")       ? " (it is gone)"
                               : g_str_equal(state, "outdated") ? " (it was committed since)"
                                                                : "",
                               NULL));
}

static void
print_run(const RlImageOwner *run, bool utc)
{
    gint64 since_us = rl_image_owner_began_us(run);

    print_line("domain", g_strdup_printf("%s (%s, %s)%s", run->name, run->driver, run->uuid,
                                         run->ended ? RL_WAITS_FOR_SPACE : ""));
    if (since_us > 0)
        print_line("since", rl_table_time((time_t) (since_us / G_USEC_PER_SEC), utc));
}

/* The domain of Xen's that has its dirty image as a disk, owned by the caller; NULL for none. */
static char *
find_xen_domain(const RlVolume *volume)
{
    g_autofree char *dirty =
        g_build_filename(volume->pool->path, volume->name->dir, volume->dirty_file, NULL);

    return volume->dirty.there ? rl_xen_disks_owner(dirty) : NULL;
}

/* The worker, a start, a refresh and vol-info of libvirt keep the state before; this one looks
 * only. */
static bool
is_edited(const RlVolume *volume)
{
    return rl_edit_may_be(volume) && rl_edit_is(volume);
}

static void
print_state(const RlLook *look)
{
    g_autofree char *state = rl_table_state(rl_state_to_string(look->state));
    g_autoptr(RlReason) reason = rl_reason_get(look);

    printf("%-16s %s\n", "state", state); /* its colour has control characters */
    if (reason)
        print_line("reason", g_strdup(reason->text));
}

static void
print_text(const RlLook *look, const GPtrArray *revisions, bool utc)
{
    const RlVolume *volume = look->volume;
    const char *name = volume->name->volume;
    g_autofree char *xen = find_xen_domain(volume);

    print_line("volume", g_strdup(name));
    print_line("kind",
               g_strconcat(rl_kind_to_string(volume->kind),
                           volume->contradictory
                               ? " (its record contradicts its images, so it counts as persistent)"
                               : "",
                           NULL));
    print_source(look);
    print_state(look);
    if (look->run)
        print_run(look->run, utc);
    if (look->below)
        print_line("overlay of", g_strdup(look->below));
    if (xen)
        print_line("Xen domain", g_strdup(xen));
    print_image("clean image", volume, volume->clean_file, &volume->clean);
    print_image("dirty image", volume, volume->dirty_file, &volume->dirty);
    print_image("precache", volume, volume->precache_file, &volume->precache);
    if (is_edited(volume))
        print_line("edited", g_strdup("the clean image: the precache has the state before, which "
                                      "becomes a revision at the next start or vol-info"));
    print_writer("written to", "clean", volume, volume->clean_file, &volume->clean);
    print_writer("in use", "dirty", volume, volume->dirty_file, &volume->dirty);
    print_revisions(revisions, name, utc);
    if (rl_look_next_step(look))
        print_line("next step", g_strdup(rl_look_next_step(look)));
}

static void
print_json(const RlLook *look, const GPtrArray *revisions)
{
    const RlVolume *volume = look->volume;
    g_autofree char *xen = find_xen_domain(volume);
    g_autoptr(RlReason) reason = rl_reason_get(look);
    g_autofree char *writer =
        volume->clean.there ? rl_clean_find_writer(volume, volume->clean_file) : NULL;
    g_autofree char *user =
        volume->dirty.there ? rl_clean_find_writer(volume, volume->dirty_file) : NULL;
    RlJson *json = rl_json_new();

    rl_json_begin_object(json, NULL);
    rl_json_string(json, "pool", volume->pool->path);
    rl_json_string(json, "name", volume->name->volume);
    rl_look_json(look, json);
    if (reason)
        rl_json_string(json, "reason", reason->code);
    if (xen)
        rl_json_string(json, "xen_domain", xen);
    if (writer)
        rl_json_string(json, "clean_image_writer", writer);
    if (user)
        rl_json_string(json, "dirty_image_writer", user);
    if (is_edited(volume))
        rl_json_bool(json, "edited", true);
    rl_look_revisions_json(revisions, NULL, volume->name->volume, json);
    rl_json_end(json);
    rl_json_print(json);
}

RlExit
rl_command_info(RlCall *call, GError **error)
{
    gboolean utc = FALSE;
    const GOptionEntry options[] = {
        {"utc", 0, 0, G_OPTION_ARG_NONE, &utc, "Print times in UTC", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;

    g_autoptr(RlLook) look = rl_look(call->pool, rl_call_name(call, 0), error);
    g_autoptr(GPtrArray) revisions =
        look ? rl_revisions_list(look->volume->dir, look->volume->name->leaf, error) : NULL;
    if (!revisions)
        return RL_EXIT_FAILED;
    rl_look_warn_if_blind(call->pool);
    if (call->json)
        print_json(look, revisions);
    else
        print_text(look, revisions, utc);
    return RL_EXIT_DONE;
}
