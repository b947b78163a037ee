/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-path.h"

#include <stdlib.h>

#include "backend/libvirt/pool-registry.h"
#include "common/image/volume-path.h"

char *
rl_image_root(const RlPool *pool)
{
    char *real = realpath(pool->path, NULL);
    char *root = rl_pools_path(real ? real : pool->path);

    free(real);
    return root;
}

char *
rl_image_path(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autofree char *root = volume ? rl_image_root(pool) : NULL;

    return root ? g_build_filename(root, volume->name->dir, volume->dirty_file, NULL) : NULL;
}

char *
rl_disk_path(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autofree char *inside =
        volume ? rl_volume_path_inside(pool, volume->name->dir, volume->name->leaf) : NULL;
    g_autofree char *root = volume ? rl_image_root(pool) : NULL;

    if (inside)
        return g_build_filename(root, inside, NULL);
    return root ? g_build_filename(root, volume->name->dir, volume->dirty_file, NULL) : NULL;
}
