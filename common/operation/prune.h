/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which automatic revisions go. */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_volume_tidy:
 * After a commit: takes the automatic revisions of the volume @name out of the way that are more
 * than the pool's options keep. A few renames, with the volume's lock; freeing them is
 * rl_volume_maintain()'s.
 */
bool rl_volume_tidy(const RlPool *pool, const char *name, GError **error);

/**
 * rl_volume_prune:
 * Drops automatic revisions but the newest @keep; never a named one, none that is the clean
 * image itself, none that a domain was started on as a layer or revision (RL_ATTR_LAYER), and none
 * that a process has open, even to read. Where one has a higher number than any that was given, as
 * an administrator puts it there, it drops none, and notes that number, so that the next revision
 * is the newest. The caller has the lock.
 */
bool rl_volume_prune(const RlVolume *volume, int keep, GError **error);
