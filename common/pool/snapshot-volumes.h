/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which snapshot volumes a volume is the source of: they do not start without it. */
#pragma once

#include "pool.h"

/**
 * rl_snapshot_volumes_list:
 * Returns the names of the snapshot volumes of @pool that have the volume @source as their source,
 * sorted, owned by the caller; NULL with @error as rl_scan(). Looks through all directories of the
 * pool, and reads each record: what is noted of snapshots (census.h) may lack one.
 */
GPtrArray *rl_snapshot_volumes_list(const RlPool *pool, const char *source, GError **error);

/**
 * rl_snapshot_volumes_describe:
 * Returns the names @users, of one at least, for a sentence, owned by the caller: "'a', 'b' and 3
 * more".
 */
char *rl_snapshot_volumes_describe(const GPtrArray *users);

/**
 * rl_snapshot_volumes_require_none:
 * False with RL_ERROR_STATE where @pool has snapshot volumes with the source @source, which
 * therefore cannot be @done ("renamed"); the message ends with @advice, a sentence without its
 * period. Also false with an error of rl_snapshot_volumes_list().
 */
bool rl_snapshot_volumes_require_none(const RlPool *pool, const char *source, const char *done,
                                      const char *advice, GError **error);
