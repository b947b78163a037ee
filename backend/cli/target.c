/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "target.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "backend/libvirt/pool-registry.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/volume-name.h"
#include "known-pools.h"
#include "pool-place.h"

char *
rl_target_pool_path(const char *text, GError **error)
{
    char *path = NULL;

    if (strchr(text, '/'))
        return g_strdup(text);
    if (!rl_pools_reflink_root(text, &path, error))
        return NULL;
    if (!path)
        rl_fail(error, RL_ERROR_NOT_FOUND,
                "libvirt has no reflink pool '%s' (a directory needs a '/' in its path)", text);
    return path;
}

/* Where libvirt says that the pool @name is, owned by the caller; NULL where it does not. */
static char *
find_defined_path(const char *name)
{
    g_autoptr(GPtrArray) pools = rl_known_pools_read();

    for (guint i = 0; i < pools->len; i++) {
        const RlKnownPool *pool = g_ptr_array_index(pools, i);
        if (strcmp(pool->name, name) == 0)
            return g_strdup(pool->path);
    }
    return NULL;
}

void
rl_target_explain_pool(const char *text, const char *path, GError **error)
{
    g_autofree char *defined = path ? g_strdup(path) : find_defined_path(text);
    g_autoptr(GError) unmounted = NULL;

    if (!defined || rl_pool_place_require_mounted(text, defined, &unmounted))
        return;
    g_clear_error(error);
    g_propagate_error(error, g_steal_pointer(&unmounted));
}

/* "VOLUME" or "VOLUME@REVISION", owned by the caller; NULL where @inside, below a pool, is none of
 * its images. */
static char *
name_of_file(const char *inside)
{
    g_autofree char *dir = g_path_get_dirname(inside), *file = g_path_get_basename(inside);
    RlFileName parsed = rl_file_name_parse(file);

    /* No volume lies in the pool's own directory. */
    if (!strchr(inside, '/'))
        return NULL;
    g_autofree char *volume = rl_name_join(dir, parsed.leaf);
    switch (parsed.role) {
    case RL_FILE_CLEAN:
    case RL_FILE_DIRTY:
    case RL_FILE_PRECACHE:
    case RL_FILE_RECORD:
        return g_steal_pointer(&volume);
    case RL_FILE_REVISION:
        return g_strdup_printf("%s@%" G_GUINT64_FORMAT, volume, parsed.number);
    case RL_FILE_LABEL:
        return g_strdup_printf("%s@%s", volume, parsed.label);
    default:
        return NULL;
    }
}

bool
rl_target_of_path(const char *path, char **ret_root, char **ret_name, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autofree char *root = NULL, *inside = NULL;
    char *real = realpath(absolute, NULL);
    bool told = rl_pool_find(real ? real : absolute, &root, &inside, error);

    free(real);
    *ret_root = *ret_name = NULL;
    if (!told)
        return false;
    *ret_name = root ? name_of_file(inside) : NULL;
    if (*ret_name)
        *ret_root = g_steal_pointer(&root);
    return true;
}

static bool
is_directory_of(const RlPool *pool, const char *root)
{
    struct stat st;

    return stat(root, &st) == 0 && st.st_dev == pool->dev && st.st_ino == pool->ino;
}

char *
rl_target_name(const RlPool *pool, const char *text, GError **error)
{
    g_autofree char *root = NULL, *name = NULL;

    if (text[0] != '/')
        return g_strdup(text);
    if (!rl_target_of_path(text, &root, &name, error))
        return NULL;
    if (root && is_directory_of(pool, root))
        return g_steal_pointer(&name);
    rl_fail(error, RL_ERROR_INVALID,
            root ? "'%s' is an image of the pool at '%s', not of '%s'"
                 : "'%s' is not an image of a reflink pool",
            text, root, pool->path);
    return NULL;
}
