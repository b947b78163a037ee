/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-place.h"

#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/fs/mounts.h"

#define FSTAB "/etc/fstab"

/* The lowest mount at or above @path; of several in one place the last is on top. */
static const RlMount *
find_mount(const GPtrArray *mounts, const char *path)
{
    const RlMount *found = NULL;

    for (guint i = 0; mounts && i < mounts->len; i++) {
        const RlMount *mount = g_ptr_array_index(mounts, i);
        if (rl_mounts_below(mount->point, path) &&
            (!found || strlen(mount->point) >= strlen(found->point)))
            found = mount;
    }
    return found;
}

/* The directory that @path leads to, also by a symbolic link, or where it would be. */
static char *
real_path(const char *path)
{
    char *real = realpath(path, NULL);
    char *owned = real ? g_strdup(real) : g_canonicalize_filename(path, "/");

    free(real);
    return owned;
}

char *
rl_pool_place_describe(const char *path)
{
    g_autoptr(GPtrArray) mounts = rl_mounts_read(NULL);
    g_autofree char *real = real_path(path);
    const RlMount *mount = find_mount(mounts, real);

    return mount ? g_strdup_printf("%s of '%s' at '%s'", mount->type, mount->source, mount->point)
                 : g_strdup("an unknown file system");
}

char *
rl_pool_place_unmounted(const char *path)
{
    g_autoptr(GPtrArray) mounts = rl_mounts_read(NULL);
    g_autofree char *real = g_canonicalize_filename(path, "/");
    g_autofree char *found = NULL;
    const RlMount *mount = find_mount(mounts, real);
    FILE *fstab = setmntent(FSTAB, "re");
    const struct mntent *entry;

    while (fstab && (entry = getmntent(fstab)))
        if (entry->mnt_dir[0] == '/' && rl_mounts_below(entry->mnt_dir, real) &&
            (!found || strlen(entry->mnt_dir) > strlen(found))) {
            g_free(found);
            found = g_strdup(entry->mnt_dir);
        }
    if (fstab)
        endmntent(fstab);
    /* What is mounted there, or below it, is what is seen. */
    if (found && mount && rl_mounts_below(found, mount->point))
        return NULL;
    return g_steal_pointer(&found);
}

bool
rl_pool_place_require_mounted(const char *name, const char *path, GError **error)
{
    g_autofree char *point = rl_pool_place_unmounted(path);

    if (!point)
        return true;
    return rl_fail(error, RL_ERROR_NOT_FOUND,
                   "pool '%s' is not mounted: nothing is mounted at '%s'. Type 'mount %s'", name,
                   point, point);
}
