/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What works on the blocks of a volume's images at rest without the volume's lock: one at a time.
 * Two would make the same precache twice; and one that moves blocks, or gives them away, would do
 * so under another that compares maps of extents (common/fs/share-changes.h). */
#pragma once

#include "common/pool/pool.h"

/**
 * rl_maintenance_turn:
 * Waits until nobody else has the turn of the volume @name of @pool: what the second one finds to
 * do may be newer. Returns a lock of its own, owned by the caller; nobody takes it who has the
 * volume's. NULL with RL_ERROR_BUSY after ten minutes, or an errno.
 */
RlLock *rl_maintenance_turn(const RlPool *pool, const char *name, GError **error);

/**
 * rl_maintenance_outlast:
 * To be called without a lock when an operation on the volume @name of @pool failed with *@error.
 * If that is RL_ERROR_BUSY, the maintenance may be what has the image open: waits for its turn, at
 * most ten seconds, clears *@error and returns the turn, owned by the caller, who tries once more.
 * NULL, with *@error as it was, for any other error, or if the maintenance goes on.
 */
RlLock *rl_maintenance_outlast(const RlPool *pool, const char *name, GError **error);
