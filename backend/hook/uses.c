/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uses.h"

#include <string.h>

#include "backend/pools.h"
#include "common/error.h"
#include "common/filename.h"
#include "common/name.h"

/* As many as the kernel follows (path_resolution(7)). */
#define LINKS_MAX 40

static void
use_free(void *data)
{
    RlUse *use = data;

    g_free(use->root);
    g_free(use->name);
    g_free(use);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    const RlUse *left = *(RlUse *const *) a, *right = *(RlUse *const *) b;
    int roots = strcmp(left->root, right->root);

    return roots ? roots : strcmp(left->name, right->name);
}

/* The same volume may be several disks of a domain: then what is most goes. Takes over @root and
 * @name. */
static void
add(GPtrArray *uses, char *root, char *name, bool readonly, bool overlaid)
{
    RlUse new = {root, name, readonly, overlaid};

    for (guint i = 0; i < uses->len; i++) {
        RlUse *use = g_ptr_array_index(uses, i);
        if (strcmp(use->root, root) != 0 || strcmp(use->name, name) != 0)
            continue;
        use->readonly &= readonly;
        use->overlaid |= overlaid;
        g_free(root);
        g_free(name);
        return;
    }
    g_ptr_array_add(uses, g_memdup2(&new, sizeof(new)));
}

static bool
refuse_in_place(const RlDisk *disk, const RlFileName *file, const char *dir, GError **error)
{
    g_autofree char *name = rl_name_join(dir, file->leaf);
    g_autofree char *dirty = rl_file_name(file->leaf, RL_FILE_DIRTY);

    return rl_fail(
        error, RL_ERROR_INVALID,
        "disk '%s': '%s' is an image of volume '%s' at rest, which no domain may write to: give "
        "it '%s', or make the disk <readonly/>",
        disk->target ? disk->target : "?", disk->path, name, dirty);
}

static bool
refuse_shareable(const RlDisk *disk, const char *name, GError **error)
{
    return rl_fail(
        error, RL_ERROR_INVALID,
        "disk '%s': volume '%s' cannot be <shareable/>: what becomes of it when one of its domains "
        "stops cannot be right for the others",
        disk->target ? disk->target : "?", name);
}

/* What a domain would open at @path, owned by the caller: the end of the symbolic links there, also
 * where that does not exist yet. */
static char *
follow_links(const char *path)
{
    char *end = g_strdup(path);

    for (int i = 0; i < LINKS_MAX; i++) {
        g_autofree char *target = g_file_read_link(end, NULL);
        if (!target)
            break;
        g_autofree char *dir = g_path_get_dirname(end);
        g_free(end);
        end = g_path_is_absolute(target) ? g_steal_pointer(&target)
                                         : g_build_filename(dir, target, NULL);
    }
    return end;
}

/* Adds the volume that @disk itself is, found by its image's path. */
static bool
add_path(GPtrArray *uses, const RlDisk *disk, bool strict, GError **error)
{
    g_autofree char *root = NULL, *inside = NULL;
    g_autofree char *path = disk->path ? follow_links(disk->path) : NULL;

    if (!path || !rl_pool_find(path, &root, &inside))
        return true;

    g_autofree char *dir = g_path_get_dirname(inside);
    g_autofree char *base = g_path_get_basename(inside);
    RlFileName file = rl_file_name_parse(base);
    g_autofree char *name = rl_name_join(dir, file.leaf);
    switch (file.role) {
    case RL_FILE_DIRTY:
        if (strict && disk->shareable)
            return refuse_shareable(disk, name, error);
        add(uses, g_steal_pointer(&root), g_steal_pointer(&name), disk->readonly, false);
        return true;
    case RL_FILE_CLEAN:
    case RL_FILE_PRECACHE:
    case RL_FILE_REVISION:
    case RL_FILE_LABEL:
        return disk->readonly || !strict || refuse_in_place(disk, &file, dir, error);
    default:
        return true;
    }
}

/* Adds the volume that @disk is by name. */
static bool
add_volume(GPtrArray *uses, const RlDisk *disk, bool strict, GError **error)
{
    g_autoptr(RlName) name = NULL;
    g_autofree char *root = disk->volume ? rl_pools_reflink_root(disk->pool) : NULL;

    if (!root)
        return true;
    name = rl_name_parse(disk->volume, error);
    if (!name)
        return !strict;
    if (name->form != RL_NAME_HEAD) {
        if (disk->readonly || !strict)
            return true;
        return rl_fail(error, RL_ERROR_INVALID,
                       "disk '%s': '%s' is a revision, and those are read-only",
                       disk->target ? disk->target : "?", disk->volume);
    }
    if (strict && disk->shareable)
        return refuse_shareable(disk, name->volume, error);
    add(uses, g_steal_pointer(&root), g_strdup(name->volume), disk->readonly, false);
    return true;
}

/* Adds the volumes that lie below @disk in its backing chain: dirty images that an external
 * snapshot froze. */
static void
add_chain(GPtrArray *uses, const RlDisk *disk)
{
    for (guint i = 0; i < disk->backing->len; i++) {
        g_autofree char *root = NULL, *inside = NULL;
        if (!rl_pool_find(g_ptr_array_index(disk->backing, i), &root, &inside))
            continue;
        g_autofree char *dir = g_path_get_dirname(inside);
        g_autofree char *base = g_path_get_basename(inside);
        RlFileName file = rl_file_name_parse(base);
        if (file.role == RL_FILE_DIRTY)
            add(uses, g_steal_pointer(&root), rl_name_join(dir, file.leaf), disk->readonly,
                !disk->transient);
    }
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        char *root = rl_pools_reflink_root(ref->pool);
        if (root)
            add(uses, root, g_strdup(ref->volume), disk->readonly, true);
    }
}

GPtrArray *
rl_uses_find(const RlDomain *domain, bool strict, GError **error)
{
    g_autoptr(GPtrArray) uses = g_ptr_array_new_with_free_func(use_free);

    for (guint i = 0; i < domain->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        if (!add_path(uses, disk, strict, error) || !add_volume(uses, disk, strict, error))
            return NULL;
        add_chain(uses, disk);
    }
    g_ptr_array_sort(uses, compare);
    return g_steal_pointer(&uses);
}
