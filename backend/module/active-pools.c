/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "active-pools.h"

#include <string.h>

#include "common/base/error.h"

typedef struct {
    unsigned char uuid[VIR_UUID_BUFLEN];
    char *name;
    dev_t dev;
    ino_t ino;
    bool firm;
} ActivePool;

/* As many as there are active reflink pools: a handful. Pools are locked one by one, and this is
 * about all of them. */
static GMutex table_lock;
static GPtrArray *table;

static void
active_pool_free(void *data)
{
    ActivePool *active = data;

    g_free(active->name);
    g_free(active);
}

static ActivePool *
find_by_pool(const virStoragePoolDef *def)
{
    for (guint i = 0; table && i < table->len; i++) {
        ActivePool *active = g_ptr_array_index(table, i);
        if (memcmp(active->uuid, def->uuid, sizeof(active->uuid)) == 0)
            return active;
    }
    return NULL;
}

/* The other active pool than @def whose directory that of @pool is. */
static ActivePool *
find_rival(const virStoragePoolDef *def, const RlPool *pool)
{
    for (guint i = 0; table && i < table->len; i++) {
        ActivePool *active = g_ptr_array_index(table, i);
        if (active->dev == pool->dev && active->ino == pool->ino &&
            memcmp(active->uuid, def->uuid, sizeof(active->uuid)) != 0)
            return active;
    }
    return NULL;
}

static void
set(const virStoragePoolDef *def, const RlPool *pool, bool firm)
{
    ActivePool *active = find_by_pool(def);

    if (!active) {
        active = g_new0(ActivePool, 1);
        memcpy(active->uuid, def->uuid, sizeof(active->uuid));
        if (!table)
            table = g_ptr_array_new_with_free_func(active_pool_free);
        g_ptr_array_add(table, active);
    }
    g_free(active->name);
    active->name = g_strdup(def->name);
    active->dev = pool->dev;
    active->ino = pool->ino;
    active->firm |= firm;
}

static bool
refuse_second(const virStoragePoolDef *def, const ActivePool *rival, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "pool '%s': directory '%s' already belongs to the active pool '%s'. Use that "
                   "pool, or stop it first",
                   def->name, def->target.path, rival->name);
}

bool
rl_active_pools_add(const virStoragePoolDef *def, const RlPool *pool, bool firm, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);
    ActivePool *rival = find_rival(def, pool);

    (void) locker;
    if (rival && (rival->firm || !firm))
        return refuse_second(def, rival, error);
    if (rival)
        g_ptr_array_remove_fast(table, rival);
    set(def, pool, firm);
    return true;
}

bool
rl_active_pools_check_place(const virStoragePoolDef *def, const RlPool *pool, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);
    const ActivePool *own = find_by_pool(def);

    (void) locker;
    if (!own || (own->dev == pool->dev && own->ino == pool->ino))
        return true;
    return rl_fail(error, RL_ERROR_STATE,
                   "pool '%s': path '%s' no longer leads to the directory that the pool was "
                   "started on. Restore the link or mount, or refresh the pool",
                   def->name, def->target.path);
}

static bool
check_rival(const virStoragePoolDef *def, const RlPool *pool, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);
    const ActivePool *rival = find_rival(def, pool);

    (void) locker;
    return !rival || refuse_second(def, rival, error);
}

bool
rl_active_pools_check(const virStoragePoolDef *def, const RlPool *pool, GError **error)
{
    return check_rival(def, pool, error) && rl_active_pools_check_place(def, pool, error);
}

bool
rl_active_pools_has(const virStoragePoolDef *def)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);

    (void) locker;
    return find_by_pool(def) != NULL;
}

void
rl_active_pools_remove(const virStoragePoolDef *def)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);
    ActivePool *own = find_by_pool(def);

    (void) locker;
    if (own)
        g_ptr_array_remove_fast(table, own);
}
