/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is there: list and info. */
#include <stdio.h>

#include "backend/libvirt/xen-disks.h"
#include "cli.h"
#include "common/base/error.h"
#include "common/pool/pool-mark.h"
#include "common/pool/scan.h"
#include "common/pool/volume-state.h"
#include "common/pool/writers.h"

#define WAITS_FOR_SPACE " [ended; its commit waits for space]"

static bool
get_state(const RlPool *pool, const char *name, RlVolume **ret_volume, RlState *ret_state,
          RlImageOwner **ret_run, char **ret_below, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);

    if (!volume || !rl_state_get_below(volume, ret_state, ret_run, ret_below, error))
        return false;
    *ret_volume = g_steal_pointer(&volume);
    return true;
}

static void
print_line(const RlPool *pool, const RlListed *listed)
{
    g_autoptr(RlVolume) volume = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    g_autofree char *below = NULL;
    g_autoptr(GError) error = NULL;
    RlState state;

    if (!listed->exists) {
        printf("%-40s %-10s %-8s %9u\n", listed->name, "-", "deleted", listed->revisions->len);
        return;
    }
    /* One volume that cannot be looked at does not hide the others. */
    if (!get_state(pool, listed->name, &volume, &state, &run, &below, &error)) {
        printf("%-40s %s\n", listed->name, error->message);
        return;
    }
    const char *domain = run ? run->name : below ? below : "";
    printf("%-40s %-10s %-8s %9u  %s%s%s%s%s\n", listed->name, rl_kind_to_string(volume->kind),
           rl_state_to_string(state), listed->revisions->len, domain,
           run && run->ended ? WAITS_FOR_SPACE : "", below ? " [backing image of an overlay]" : "",
           listed->shared ? " [shares its clean image with another volume]" : "",
           volume->contradictory ? " [its record contradicts its images]" : "");
}

/* What is not seen is not shown. */
static void
warn_if_blind(const RlPool *pool)
{
    g_autoptr(GError) error = NULL;

    if (!rl_pool_mark_check(pool, &error))
        fprintf(stderr, "virt-reflink: %s\n", error->message);
}

bool
rl_command_list(const RlPool *pool, const char *volume, GError **error)
{
    g_autoptr(GPtrArray) listed = rl_scan(pool, error);

    (void) volume;
    if (!listed)
        return false;
    warn_if_blind(pool);
    printf("%-40s %-10s %-8s %9s  %s\n", "VOLUME", "KIND", "STATE", "REVISIONS", "DOMAIN");
    for (guint i = 0; i < listed->len; i++)
        print_line(pool, g_ptr_array_index(listed, i));
    return true;
}

static void
print_image(const char *what, const RlImage *image)
{
    if (image->there)
        printf("%-16s %lld bytes, %lld allocated\n", what, (long long) image->st.st_size,
               (long long) image->st.st_blocks * 512);
}

/* What keeps a volume from starting, and its domain's end from being committed. */
static void
print_writer(const RlVolume *volume)
{
    g_autofree char *writer =
        volume->clean.there ? rl_clean_find_writer(volume, volume->clean_file) : NULL;

    if (writer)
        printf("%-16s the clean image, by %s\n", "written to", writer);
}

static void
print_revision(const RlRevision *revision, const char *volume)
{
    g_autofree char *name = rl_revision_name(revision, volume);
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(revision->st.st_mtim.tv_sec);
    g_autofree char *stamp = when ? g_date_time_format_iso8601(when) : NULL;

    printf("%-16s %s, %s, %lld bytes\n", "revision", name, stamp ? stamp : "?",
           (long long) revision->st.st_size);
}

bool
rl_command_info(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    g_autofree char *below = NULL;
    g_autoptr(GPtrArray) revisions = NULL;
    RlState state;

    if (!get_state(pool, name, &volume, &state, &run, &below, error))
        return false;
    revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    if (!revisions)
        return false;
    warn_if_blind(pool);
    printf("%-16s %s\n%-16s %s%s\n", "volume", name, "kind", rl_kind_to_string(volume->kind),
           volume->contradictory ? " (its record contradicts its images; the images count)" : "");
    if (volume->kind == RL_KIND_SNAPSHOT)
        printf("%-16s %s\n", "source", volume->record->source);
    printf("%-16s %s\n", "state", rl_state_to_string(state));
    if (run)
        printf("%-16s %s (%s, %s)%s\n", "domain", run->name, run->driver, run->uuid,
               run->ended ? WAITS_FOR_SPACE : "");
    if (below)
        printf("%-16s %s\n", "overlay of", below);
    g_autofree char *dirty =
        g_build_filename(pool->path, volume->name->dir, volume->dirty_file, NULL);
    g_autofree char *xen = volume->dirty.there ? rl_xen_disks_owner(dirty) : NULL;
    if (xen)
        printf("%-16s %s\n", "Xen domain", xen);
    print_image("clean image", &volume->clean);
    print_image("dirty image", &volume->dirty);
    print_image("precache", &volume->precache);
    print_writer(volume);
    for (guint i = 0; i < revisions->len; i++)
        print_revision(g_ptr_array_index(revisions, i), name);
    return true;
}
