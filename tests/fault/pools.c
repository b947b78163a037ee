/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools as such. */
#include "operations.h"

#include "common/fs/xattr.h"
#include "common/operation/pool-build.h"
#include "common/pool/scan.h"

#include <sys/xattr.h>
#include <unistd.h>

static bool
nothing(const char *work, GError **error)
{
    g_autofree char *outside = g_build_filename(work, "outside", NULL);

    (void) error;
    return g_mkdir_with_parents(outside, 0755) == 0;
}

/* A tree of before, without a marker. */
static bool
adoptable(const char *work, GError **error)
{
    g_autofree char *marker = g_build_filename(work, "pool", RL_POOL_MARKER, NULL);

    g_autofree char *path = g_path_get_dirname(marker);

    return make_private(work, error) && unlink(marker) == 0 &&
           removexattr(path, RL_ATTR_PREFIX RL_ATTR_POOL) == 0;
}

static bool
build_pool(const char *work, GError **error)
{
    g_autofree char *path = g_build_filename(work, "pool", NULL);

    return build_at(path, error);
}

static bool
build_deep(const char *work, GError **error)
{
    g_autofree char *path = g_build_filename(work, "pool/in/it", NULL);

    return build_at(path, error);
}

static bool
empty(const char *work, GError **error)
{
    g_autofree char *dir = g_build_filename(work, "pool/a/b", NULL);

    return build(work, error) && g_mkdir_with_parents(dir, 0755) == 0;
}

static bool
delete_pool(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_pool_delete(pool, error);
}

static bool
set_options(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autoptr(RlOptions) options = pool ? rl_options_copy(pool->options) : NULL;

    if (!pool)
        return false;
    options->keep = 2;
    return rl_pool_set_options(pool, options, error);
}

static bool
open_pool(const char *work, GError **error)
{
    g_autofree char *path = g_build_filename(work, "pool", NULL);
    g_autoptr(RlPool) pool = rl_model_pool(path, error);
    g_autoptr(GPtrArray) volumes = pool ? rl_scan(pool, error) : NULL;

    return volumes != NULL;
}

const Operation pool_operations[] = {
    {"pool-build", nothing, build_pool, NULL, 0},
    {"pool-build-confined", nothing, build_pool, NULL, OP_CONFINED},
    {"pool-build-deep", nothing, build_deep, NULL, 0},
    {"pool-build-adopt", adoptable, build_pool, NULL, 0},
    {"pool-delete", empty, delete_pool, NULL, 0},
    {"pool-options", make_private, set_options, NULL, 0},
    {"pool-options-confined", make_private, set_options, NULL, OP_CONFINED},
    {"pool-scan", make_private, open_pool, NULL, 0},
    {0},
};
