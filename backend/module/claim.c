/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "claim.h"

#include <string.h>

#include "common/base/error.h"

typedef struct {
    unsigned char uuid[VIR_UUID_BUFLEN];
    char *name;
    dev_t dev;
    ino_t ino;
    bool firm;
} Claim;

/* As many as there are active reflink pools: a handful. Pools are locked one by one, and this is
 * about all of them. */
static GMutex table_lock;
static GPtrArray *table;

static void
claim_free(void *data)
{
    Claim *claim = data;

    g_free(claim->name);
    g_free(claim);
}

static Claim *
find_by_pool(const virStoragePoolDef *def)
{
    for (guint i = 0; table && i < table->len; i++) {
        Claim *claim = g_ptr_array_index(table, i);
        if (memcmp(claim->uuid, def->uuid, sizeof(claim->uuid)) == 0)
            return claim;
    }
    return NULL;
}

/* The claim of another pool than @def to the directory of @pool. */
static Claim *
find_rival(const virStoragePoolDef *def, const RlPool *pool)
{
    for (guint i = 0; table && i < table->len; i++) {
        Claim *claim = g_ptr_array_index(table, i);
        if (claim->dev == pool->dev && claim->ino == pool->ino &&
            memcmp(claim->uuid, def->uuid, sizeof(claim->uuid)) != 0)
            return claim;
    }
    return NULL;
}

static void
set(const virStoragePoolDef *def, const RlPool *pool, bool firm)
{
    Claim *claim = find_by_pool(def);

    if (!claim) {
        claim = g_new0(Claim, 1);
        memcpy(claim->uuid, def->uuid, sizeof(claim->uuid));
        if (!table)
            table = g_ptr_array_new_with_free_func(claim_free);
        g_ptr_array_add(table, claim);
    }
    g_free(claim->name);
    claim->name = g_strdup(def->name);
    claim->dev = pool->dev;
    claim->ino = pool->ino;
    claim->firm |= firm;
}

static bool
refuse_second(const virStoragePoolDef *def, const Claim *rival, GError **error)
{
    return rl_fail(
        error, RL_ERROR_STATE,
        "pool '%s': its directory '%s' is that of the active pool '%s': use that one, or "
        "stop it first",
        def->name, def->target.path, rival->name);
}

bool
rl_claim_take(const virStoragePoolDef *def, const RlPool *pool, bool firm, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);
    Claim *rival = find_rival(def, pool);

    (void) locker;
    if (rival && (rival->firm || !firm))
        return refuse_second(def, rival, error);
    if (rival)
        g_ptr_array_remove_fast(table, rival);
    set(def, pool, firm);
    return true;
}

bool
rl_claim_check_place(const virStoragePoolDef *def, const RlPool *pool, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);
    const Claim *own = find_by_pool(def);

    (void) locker;
    if (!own || (own->dev == pool->dev && own->ino == pool->ino))
        return true;
    return rl_fail(
        error, RL_ERROR_STATE,
        "pool '%s': its path '%s' leads to another directory than when it was started or "
        "refreshed: let it lead there again, or refresh the pool",
        def->name, def->target.path);
}

static bool
check_rival(const virStoragePoolDef *def, const RlPool *pool, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);
    const Claim *rival = find_rival(def, pool);

    (void) locker;
    return !rival || refuse_second(def, rival, error);
}

bool
rl_claim_check(const virStoragePoolDef *def, const RlPool *pool, GError **error)
{
    return check_rival(def, pool, error) && rl_claim_check_place(def, pool, error);
}

bool
rl_claim_is_there(const virStoragePoolDef *def)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);

    (void) locker;
    return find_by_pool(def) != NULL;
}

void
rl_claim_drop(const virStoragePoolDef *def)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table_lock);
    Claim *own = find_by_pool(def);

    (void) locker;
    if (own)
        g_ptr_array_remove_fast(table, own);
}
