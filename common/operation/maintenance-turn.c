/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "maintenance-turn.h"

#include "common/base/error.h"
#include "common/pool/volume-lock.h"

/* As long as cloning a large and fragmented image may take on a slow disk. */
#define TIMEOUT_MS (10 * 60 * 1000)
/* As long as libvirt may wait. */
#define OUTLAST_MS (10 * 1000)

static RlLock *
take(const RlPool *pool, const char *name, int timeout_ms, GError **error)
{
    /* No volume has such a name. */
    g_autofree char *key = g_strconcat(name, "~maintenance", NULL);

    return rl_lock_take(pool->dev, pool->ino, key, "maintenance", timeout_ms, error);
}

RlLock *
rl_maintenance_turn(const RlPool *pool, const char *name, GError **error)
{
    return take(pool, name, TIMEOUT_MS, error);
}

RlLock *
rl_maintenance_outlast(const RlPool *pool, const char *name, GError **error)
{
    if (!g_error_matches(*error, RL_ERROR, RL_ERROR_BUSY))
        return NULL;
    RlLock *turn = take(pool, name, OUTLAST_MS, NULL);
    if (turn)
        g_clear_error(error);
    return turn;
}
