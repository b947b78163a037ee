/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "backend/cli/cli.h"
#include "backend/cli/table.h"
#include "backend/libvirt/xen-disks.h"
#include "common/pool/writers.h"
#include "reason.h"

static void
print_image(const char *what, const RlVolume *volume, const char *file, const RlImage *image)
{
    if (!image->there)
        return;
    g_autofree char *path = g_build_filename(volume->pool->path, volume->name->dir, file, NULL);
    printf("%-16s %lld bytes, %lld allocated, %s\n", what, (long long) image->st.st_size,
           (long long) image->st.st_blocks * 512, path);
}

/* What keeps a volume from starting, and its domain's end from being committed. */
static void
print_writer(const char *what, const char *which, const RlVolume *volume, const char *file,
             const RlImage *image)
{
    g_autofree char *writer = image->there ? rl_clean_find_writer(volume, file) : NULL;

    if (writer)
        printf("%-16s the %s image, by %s\n", what, which, writer);
}

static void
print_revision(const RlRevision *revision, const char *volume, bool utc)
{
    g_autofree char *name = rl_revision_name(revision, volume);
    g_autofree char *time = rl_table_time(revision->st.st_mtim.tv_sec, utc);

    printf("%-16s %s, %s, %lld bytes\n", "revision", name, time, (long long) revision->st.st_size);
}

static void
print_source(const RlLook *look)
{
    const char *state = rl_look_source_state(look);

    if (state)
        printf("%-16s %s%s\n", "source", look->volume->record->source,
               g_str_equal(state, "gone")       ? " (it is gone)"
               : g_str_equal(state, "outdated") ? " (it was committed since)"
                                                : "");
}

static void
print_run(const RlImageOwner *run, bool utc)
{
    gint64 since_us = rl_image_owner_began_us(run);

    printf("%-16s %s (%s, %s)%s\n", "domain", run->name, run->driver, run->uuid,
           run->ended ? RL_WAITS_FOR_SPACE : "");
    if (since_us <= 0)
        return;
    g_autofree char *time = rl_table_time((time_t) (since_us / G_USEC_PER_SEC), utc);
    printf("%-16s %s\n", "since", time);
}

/* The domain of Xen's that has its dirty image as a disk, owned by the caller; NULL for none. */
static char *
find_xen_domain(const RlVolume *volume)
{
    g_autofree char *dirty =
        g_build_filename(volume->pool->path, volume->name->dir, volume->dirty_file, NULL);

    return volume->dirty.there ? rl_xen_disks_owner(dirty) : NULL;
}

static void
print_reason(const RlLook *look)
{
    g_autoptr(RlReason) reason = rl_reason_get(look);

    if (reason)
        printf("%-16s %s\n", "reason", reason->text);
}

static void
print_text(const RlLook *look, const GPtrArray *revisions, bool utc)
{
    const RlVolume *volume = look->volume;
    const char *name = volume->name->volume;
    g_autofree char *xen = find_xen_domain(volume);

    printf("%-16s %s\n%-16s %s%s\n", "volume", name, "kind", rl_kind_to_string(volume->kind),
           volume->contradictory ? " (its record contradicts its images; the images count)" : "");
    print_source(look);
    printf("%-16s %s\n", "state", rl_state_to_string(look->state));
    print_reason(look);
    if (look->run)
        print_run(look->run, utc);
    if (look->below)
        printf("%-16s %s\n", "overlay of", look->below);
    if (xen)
        printf("%-16s %s\n", "Xen domain", xen);
    print_image("clean image", volume, volume->clean_file, &volume->clean);
    print_image("dirty image", volume, volume->dirty_file, &volume->dirty);
    print_image("precache", volume, volume->precache_file, &volume->precache);
    print_writer("written to", "clean", volume, volume->clean_file, &volume->clean);
    print_writer("in use", "dirty", volume, volume->dirty_file, &volume->dirty);
    for (guint i = 0; i < revisions->len; i++)
        print_revision(g_ptr_array_index(revisions, i), name, utc);
    if (rl_look_next_step(look))
        printf("%-16s %s\n", "next step", rl_look_next_step(look));
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
