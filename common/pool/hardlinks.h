/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clean images that are several volumes' at once: hard links that somebody made by hand. */
#pragma once

#include "volume.h"

/**
 * rl_volume_require_unshared:
 * True if the clean image of @volume is its own (and perhaps its newest revision's). Else false
 * with RL_ERROR_STATE naming the other volume. Looks through the pool only where the number of
 * links says that there are more, and no look since they were made has told (census.h); links from
 * outside the pool, such as a backup's, are no reason to refuse: clean images are never written in
 * place.
 */
bool rl_volume_require_unshared(const RlVolume *volume, GError **error);
