/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may come after an API call has returned. */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_background_maintain:
 * Has the volume @name of @pool brought in order (rl_volume_maintain()) by a thread of its own: its
 * next start finds a precache. If there can be no thread the next operation makes up for it.
 */
void rl_background_maintain(const RlPool *pool, const char *name);

/**
 * rl_background_end:
 * Has the runs ended of which there was no space to commit them (rl_volume_end_late()), by a thread
 * of its own; nothing where none wait for that.
 */
void rl_background_end(const RlPool *pool);

/**
 * rl_background_keep_edits:
 * Has the states kept that volumes of @listed (rl_scan_leftovers()) had before their clean images
 * were edited at rest (rl_edit_keep_or_warn()), by a thread of its own: that waits for the disk.
 * Nothing where none may have been.
 */
void rl_background_keep_edits(const RlPool *pool, const GPtrArray *listed);

/**
 * rl_background_keep_edit:
 * The same for one volume of @pool.
 */
void rl_background_keep_edit(const RlPool *pool, const RlVolume *volume);

/**
 * rl_background_clear:
 * Has what was left of the volumes @names of @pool removed (rl_volume_clear()) by a thread of its
 * own; nothing where there are none. If there can be no thread the next refresh makes up for it.
 */
void rl_background_clear(const RlPool *pool, const GPtrArray *names);
