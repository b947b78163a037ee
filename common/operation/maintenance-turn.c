/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "maintenance-turn.h"

#include "common/pool/volume-lock.h"

/* As long as cloning a large and fragmented image may take on a slow disk. */
#define TIMEOUT_MS (10 * 60 * 1000)

RlLock *
rl_maintenance_turn(const RlPool *pool, const char *name, GError **error)
{
    /* No volume has such a name. */
    g_autofree char *key = g_strconcat(name, "~maintenance", NULL);

    return rl_lock_take(pool->dev, pool->ino, key, "maintenance", TIMEOUT_MS, error);
}
