/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing the size of a volume, running or not. */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_volume_resize:
 * Gives the volume @name @capacity bytes, in whole sectors (rl_capacity_round()), and with
 * @allocate also the blocks for them (fallocate(2)). With a dirty image that is what changes, and
 * loop devices on it follow; a dirty image that becomes smaller than the clean one is marked as
 * wanted so. A stopped volume gets a new clean image: readers of the old one keep it, and no
 * revision is made. A volatile volume or snapshot gets another record, running or not, so that the
 * new size outlives the dirty image however its run ends. RL_ERROR_INVALID where a snapshot would
 * be smaller than its source is now; RL_ERROR_STATE where the volume is saved or suspect;
 * RL_ERROR_NOT_FOUND; an errno. Nothing has changed then.
 */
bool rl_volume_resize(const RlPool *pool, const char *name, uint64_t capacity, bool allocate,
                      GError **error);
