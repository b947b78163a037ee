/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Getting rid of files without making anybody wait for it. */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_file_drop:
 * Takes @file of the volume out of the way under a temporary name, with the volume's lock; freeing
 * its extents is left to rl_volume_sweep(). Fine where it is missing.
 */
bool rl_file_drop(const RlVolume *volume, const char *file, GError **error);

/**
 * rl_dirty_drop:
 * rl_file_drop() for the dirty image; makes that durable: what was dropped does not come back.
 */
bool rl_dirty_drop(const RlVolume *volume, GError **error);

/**
 * rl_volume_sweep:
 * Removes the volume's temporary files that nobody has open, but for what came of a stream and
 * is kept (partial-image.h); takes no lock, since they are nobody's. Can take seconds for
 * fragmented ones. Failures leave them to the next call.
 */
void rl_volume_sweep(const RlVolume *volume);
