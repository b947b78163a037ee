/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disks.h"

#include <string.h>

#include "common/error.h"
#include "common/filename.h"
#include "common/name.h"

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

/* The same volume may be two disks of a domain. */
static void
add_once(GPtrArray *uses, char *root, char *name)
{
    RlUse *use = g_new0(RlUse, 1);

    use->root = root;
    use->name = name;
    for (guint i = 0; i < uses->len; i++) {
        const RlUse *other = g_ptr_array_index(uses, i);
        if (strcmp(other->root, root) == 0 && strcmp(other->name, name) == 0) {
            use_free(use);
            return;
        }
    }
    g_ptr_array_add(uses, use);
}

static bool
refuse_in_place(const RlDisk *disk, const RlFileName *file, const char *dir, GError **error)
{
    g_autofree char *name = rl_name_join(dir, file->leaf);
    g_autofree char *dirty = rl_file_name(file->leaf, RL_FILE_DIRTY);

    return rl_fail(error, RL_ERROR_INVALID,
                   "disk '%s': '%s' is an image of volume '%s' at rest, which no domain may write "
                   "to: give it '%s', or make "
                   "the disk <readonly/>",
                   disk->target ? disk->target : "?", disk->path, name, dirty);
}

static bool
add_disk(GPtrArray *uses, const RlDisk *disk, bool strict, GError **error)
{
    g_autofree char *root = NULL, *inside = NULL;

    if (!disk->path || !rl_pool_find(disk->path, &root, &inside))
        return true;

    g_autofree char *dir = g_path_get_dirname(inside);
    g_autofree char *base = g_path_get_basename(inside);
    RlFileName file = rl_file_name_parse(base);
    switch (file.role) {
    case RL_FILE_DIRTY:
        add_once(uses, g_steal_pointer(&root), rl_name_join(dir, file.leaf));
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

GPtrArray *
rl_uses_find(const RlDomain *domain, bool strict, GError **error)
{
    g_autoptr(GPtrArray) uses = g_ptr_array_new_with_free_func(use_free);

    for (guint i = 0; i < domain->disks->len; i++)
        if (!add_disk(uses, g_ptr_array_index(domain->disks, i), strict, error))
            return NULL;
    g_ptr_array_sort(uses, compare);
    return g_steal_pointer(&uses);
}
