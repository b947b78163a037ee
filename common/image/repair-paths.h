/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The links of a pool's directory that a crash, or who copied the pool, has left wrong. */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_paths_repair_volume:
 * Puts the links of the volume @name right (volume-path.h). What somebody works on at this moment
 * is left to him: waits for nothing.
 */
void rl_paths_repair_volume(const RlPool *pool, const char *name);

/**
 * rl_paths_repair:
 * The same for each of @listed (RlListed) whose links are wrong; and removes what a turning of a
 * link was cut off with, and the links of volumes that are gone. Reads the pool's directory once.
 */
void rl_paths_repair(const RlPool *pool, const GPtrArray *listed);

/**
 * rl_paths_require_no_base:
 * True if the links of @pool, whose paths they are, can go: no domain that is off has an external
 * snapshot on a volume at rest, which it names by its link. Else false with RL_ERROR_STATE, or an
 * errno. Reads libvirt's files.
 */
bool rl_paths_require_no_base(const RlPool *pool, GError **error);

/**
 * rl_paths_drop:
 * The volumes of @pool have no links any more, since its options were changed: removes those that
 * lead to images at rest.
 */
void rl_paths_drop(const RlPool *pool);
