/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dirty image that is made for a volume's next start. */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_precache_clear_stale:
 * Drops the precache of @volume, with its lock, unless it is good for the next start.
 * *@ret_wanted, which has to be false before, says whether one is to be made.
 */
bool rl_precache_clear_stale(const RlVolume *volume, bool *ret_wanted, GError **error);

/**
 * rl_precache_make:
 * Makes the precache of @volume, if it is still wanted when it is complete and durable. Can take as
 * long as cloning does; takes the volume's lock only for a moment. Without a base it does nothing.
 */
bool rl_precache_make(RlVolume *volume, GError **error);
