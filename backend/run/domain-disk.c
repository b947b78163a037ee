/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-disk.h"

#include <string.h>
#include <sys/stat.h>

#include "backend/cli/target.h"
#include "backend/libvirt/pool-registry.h"

static bool
is_root_of(const RlPool *pool, const char *root)
{
    struct stat st;

    return root && stat(root, &st) == 0 && st.st_dev == pool->dev && st.st_ino == pool->ino;
}

static bool
is_image(const char *path, const RlPool *pool, const char *name)
{
    g_autofree char *root = NULL, *found = NULL;

    return path && rl_target_of_path(path, &root, &found, NULL) && root &&
           strcmp(found, name) == 0 && is_root_of(pool, root);
}

static bool
is_volume(const char *in, const char *volume, const RlPool *pool, const char *name)
{
    g_autofree char *root = NULL;

    return in && volume && strcmp(volume, name) == 0 && rl_pools_reflink_root(in, &root, NULL) &&
           is_root_of(pool, root);
}

static bool
is_below(const RlDisk *disk, const RlPool *pool, const char *name)
{
    for (guint i = 0; i < disk->backing->len; i++)
        if (is_image(g_ptr_array_index(disk->backing, i), pool, name))
            return true;
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        if (is_volume(ref->pool, ref->volume, pool, name))
            return true;
    }
    return is_image(disk->data_path, pool, name) ||
           is_volume(disk->data_pool, disk->data_volume, pool, name);
}

const RlDisk *
rl_domain_disk_find(const RlDomain *domain, const RlPool *pool, const char *name, bool *ret_below)
{
    *ret_below = false;
    for (guint i = 0; i < domain->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        if (is_image(disk->path, pool, name) || is_volume(disk->pool, disk->volume, pool, name))
            return disk;
        *ret_below = is_below(disk, pool, name);
        if (*ret_below)
            return disk;
    }
    return NULL;
}

char *
rl_domain_disk_xml(const RlDiskWish *wish)
{
    g_autofree char *bus = wish->bus ? g_markup_printf_escaped(" bus='%s'", wish->bus) : NULL;
    g_autofree char *source = g_markup_printf_escaped("<source file='%s'/><target dev='%s'",
                                                      wish->path ? wish->path : "", wish->target);

    return g_strdup_printf("<disk type='file' device='disk'><driver name='%s' type='raw'/>%s%s/>%s"
                           "</disk>",
                           strcmp(wish->driver, "libxl") == 0 ? "phy" : "qemu", source,
                           bus ? bus : "", wish->readonly ? "<readonly/>" : "");
}
