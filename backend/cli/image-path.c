/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-path.h"

#include <stdlib.h>

#include "backend/libvirt/pool-registry.h"
#include "common/pool/volume.h"

char *
rl_image_path(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    char *real = volume ? realpath(pool->path, NULL) : NULL;
    g_autofree char *root = volume ? rl_pools_path(real ? real : pool->path) : NULL;

    free(real);
    return volume ? g_build_filename(root, volume->name->dir, volume->dirty_file, NULL) : NULL;
}
