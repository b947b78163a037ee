/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the last look through a whole pool has found, noted in /run: so not every start after a
 * backup with hard links, and not every commit, looks through the pool again.
 *
 * It is true of what has not changed since. A clean image is recognized by its number of links and
 * the date of its last change of status (ctime), which each link, unlink and rename of it sets.
 * That a snapshot is missing costs its next start time, nothing else. */
#pragma once

#include "scan.h"

/**
 * rl_census_note:
 * Notes what @listed, from rl_scan(), says of @pool. A failure is only logged.
 */
void rl_census_note(const RlPool *pool, const GPtrArray *listed);

/**
 * rl_census_add_snapshot:
 * Adds to what is noted of @pool that the volume @name is a snapshot of @source.
 */
void rl_census_add_snapshot(const RlPool *pool, const char *source, const char *name);

/**
 * rl_census_is_unshared:
 * True if the clean image of @volume has more than one link, as of its last look, and the last look
 * through the pool has found it just so, as no other volume's clean image. Any doubt is no.
 */
bool rl_census_is_unshared(const RlVolume *volume);

/**
 * rl_census_snapshots:
 * Returns the names of the snapshots of the volume @source of @pool, owned by the caller. Looks
 * through the pool, and notes what it finds, only where nothing is noted. Some may be gone.
 */
GPtrArray *rl_census_snapshots(const RlPool *pool, const char *source);
