/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "known-pools.h"

#include <fcntl.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/dirfd.h"

/* What libvirt's storage driver writes of active pools, and of defined ones
 * (src/storage/storage_driver.c). */
#define STATES "/run/libvirt/storage"
#define DEFINITIONS "/etc/libvirt/storage"

static void
pool_free(void *data)
{
    RlKnownPool *pool = data;

    g_free(pool->name);
    g_free(pool->path);
    rl_pool_definition_free(pool->definition);
    rl_pool_definition_free(pool->state);
    g_free(pool->problem);
    g_free(pool);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp((*(RlKnownPool *const *) a)->name, (*(RlKnownPool *const *) b)->name);
}

/* The pool @name, added where it is new. */
static RlKnownPool *
get(GPtrArray *pools, const char *name)
{
    for (guint i = 0; i < pools->len; i++) {
        RlKnownPool *pool = g_ptr_array_index(pools, i);
        if (strcmp(pool->name, name) == 0)
            return pool;
    }
    RlKnownPool *pool = g_new0(RlKnownPool, 1);
    pool->name = g_strdup(name);
    g_ptr_array_add(pools, pool);
    return pool;
}

/* NULL with the pool's problem where it cannot be read. */
static RlPoolDefinition *
read_definition(RlKnownPool *pool, int dir, const char *file)
{
    g_autoptr(GError) error = NULL;
    size_t length;
    g_autofree char *text = rl_dirfd_read_file(dir, file, RL_POOL_SIZE_MAX, &length, &error);
    RlPoolDefinition *definition =
        text ? rl_xml_pool_definition_parse(text, length, file, &error) : NULL;

    if (error && !pool->problem)
        pool->problem = g_strdup(error->message);
    if (definition && !pool->path)
        pool->path = g_strdup(definition->path);
    return definition;
}

static void
read_all(GPtrArray *pools, const char *path, bool active)
{
    rl_autofd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GDir) entries = dir < 0 ? NULL : g_dir_open(path, 0, NULL);
    const char *file;

    while (entries && (file = g_dir_read_name(entries))) {
        if (!g_str_has_suffix(file, ".xml"))
            continue;
        g_autofree char *name = g_strndup(file, strlen(file) - strlen(".xml"));
        RlKnownPool *pool = get(pools, name);
        RlPoolDefinition *definition = read_definition(pool, dir, file);
        if (active)
            pool->state = definition;
        else
            pool->definition = definition;
    }
}

static bool
is_other(const RlPoolDefinition *definition)
{
    return definition && (!definition->directory || !definition->path);
}

GPtrArray *
rl_known_pools_read(void)
{
    GPtrArray *pools = g_ptr_array_new_with_free_func(pool_free);

    read_all(pools, DEFINITIONS, false);
    read_all(pools, STATES, true);
    for (guint i = pools->len; i-- > 0;) {
        const RlKnownPool *pool = g_ptr_array_index(pools, i);
        if (is_other(pool->definition) || is_other(pool->state))
            g_ptr_array_remove_index(pools, i);
    }
    g_ptr_array_sort(pools, compare);
    return pools;
}
