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
