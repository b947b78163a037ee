/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clean image of a volume at rest, fragmented by the writes of many runs, is replaced by one
 * with the same content in larger extents. What is shared stays shared, unless that is given up. */
#pragma once

#include "common/base/progress.h"
#include "common/fs/defragment-plan.h"
#include "common/pool/pool.h"

typedef struct {
    RlDefragmentRule rule;
    RlProgress progress; /* of planning; of copying and comparing */
} RlDefragment;

/* What it costs, and what came of it. */
typedef struct {
    RlDefragmentPlan plan; /* without its ranges */
    uint64_t ranges;       /* how many there were */
    uint64_t after;        /* extents of the new image; 0: there is none */
} RlDefragmented;

/**
 * rl_volume_defragment_plan:
 * Says what rl_volume_defragment() would do to the volume @name. The volume has to be at rest, and
 * not below an overlay: else RL_ERROR_STATE. Of what is on the disk only the precache changes: it
 * shares each block of the clean image, so that nothing could be told of these, and is dropped; the
 * caller has it made once more (rl_volume_maintain()). RL_ERROR_UNSUPPORTED for a volume that has
 * no image at rest, and for a file system that is neither XFS nor btrfs.
 */
bool rl_volume_defragment_plan(const RlPool *pool, const char *name, const RlDefragment *how,
                               RlDefragmented *ret_found, GError **error);

/**
 * rl_volume_defragment:
 * Defragments the clean image of the volume @name; does nothing where there is nothing to do. The
 * image stays the same state to all who noted which one it is (rl_reshape_clean()). Takes the turn
 * of rl_maintenance_turn(), and the volume's lock only for moments; a domain that starts meanwhile
 * ends it. Errors as above, and RL_ERROR_BUSY where the volume was started or changed meanwhile;
 * RL_ERROR_STATE where the free space is so fragmented that it would not help; ENOSPC. All of them
 * leave the old image.
 *
 * Steps, and what a crash after each leaves:
 * - lock; drop the precache; unlock; remove it: the old state, and a temporary.
 * - an unnamed file: clone; new blocks for the ranges, copied; fsync; compared: the same.
 * - rl_reshape_clean(): the old or the new state.
 */
bool rl_volume_defragment(const RlPool *pool, const char *name, const RlDefragment *how,
                          RlDefragmented *ret_found, GError **error);
