/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may come later than a domain's stop: pruning (prune.h), removing, and getting ready for its
 * next start (precache.h). */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_volume_maintain:
 * Brings the volume @name in order: with @committed tidies it first; removes a stale precache and
 * files that operations which were cut off have left, and makes the precache if the volume is
 * stopped and of a kind that has one. Can take as long as cloning does; takes the volume's lock
 * only for moments. Everything it does can be cut off at any point and done by the next call. A
 * volume that is gone has its leftovers removed, but neither revisions nor a precache.
 */
bool rl_volume_maintain(const RlPool *pool, const char *name, bool committed, GError **error);

/**
 * rl_volume_clear:
 * Removes what operations that were cut off have left of the volume @name: temporary files that
 * nobody has open for writing; of a volume that is gone also its directory, and its record where
 * neither revisions nor a precache are left. Can take seconds for fragmented files; takes the
 * volume's lock only for moments. Everything it does can be cut off at any point and done by the
 * next call.
 */
bool rl_volume_clear(const RlPool *pool, const char *name, GError **error);

/**
 * rl_volume_end_late:
 * Does what there was no space for when the run of the volume @name ended (rl_volume_stop_ended()),
 * and tidies it if that was a commit, which *@ret_committed says.
 */
bool rl_volume_end_late(const RlPool *pool, const char *name, bool *ret_committed, GError **error);

/* The run of the volume @name, which waited for space, has ended, with a commit or without; or it
 * still waits, for the reason @error. */
typedef void (*RlEndedLate)(const RlPool *pool, const char *name, bool committed,
                            const GError *error, void *data);

/**
 * rl_pool_end_late:
 * rl_volume_end_late() for all volumes of @pool that wait for space, as one of them may have given
 * some back. @told is called for each, with @data.
 */
void rl_pool_end_late(const RlPool *pool, RlEndedLate told, void *data);
