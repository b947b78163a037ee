/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dirty image that is made for a volume's next start. */
#pragma once

#include "common/image/dirty-image.h"
#include "common/pool/volume.h"

/**
 * rl_precache_is_valid:
 * True if @volume's precache was made from @base as that is now: same id, size and modification
 * time, access; that time tells of each edit since (rl_image_made_dates_tell()), or all blocks are
 * shared, where there are no more than RL_UNWRITTEN_EXTENTS_MAX extents; has no second name, and
 * nobody has it open, not for reading either: what is left of an earlier domain would read what the
 * next one writes. Opens the precache, and leaves its descriptor in *@ret_fd (owned by the caller),
 * -1 if not valid.
 */
bool rl_precache_is_valid(const RlVolume *volume, const RlBase *base, int *ret_fd);

/**
 * rl_precache_clear_stale:
 * Drops the precache of @volume, with its lock, unless it is good for the next start.
 * *@ret_wanted, which has to be false before, says whether one is to be made.
 */
bool rl_precache_clear_stale(const RlVolume *volume, bool *ret_wanted, GError **error);

/**
 * rl_precache_is_wanted:
 * True if @volume, as it was looked at with its lock, is at rest, of a kind that has a precache,
 * and has none, and @base is what that is to be made from.
 */
bool rl_precache_is_wanted(const RlVolume *volume, const RlBase *base);

/**
 * rl_precache_make:
 * Makes the precache of @volume, if it is still wanted when it is complete and durable. Can take as
 * long as cloning does; takes the volume's lock only for a moment. Without a base it does nothing.
 */
bool rl_precache_make(RlVolume *volume, GError **error);
