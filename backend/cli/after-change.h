/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What follows a change: the volume is put in order, and the list of a running daemon is made true.
 * Nothing of it undoes the change. */
#pragma once

#include "cli.h"

/**
 * rl_after_change:
 * For a change of the volume @name of @pool, or of its revisions: does what rl_volume_maintain()
 * does, with @committed as there, and has the daemon look at the volume. False with what kept the
 * volume from being put in order; the daemon is asked in any case.
 */
bool rl_after_change(const RlPool *pool, const char *name, bool committed, GError **error);

/**
 * rl_after_new:
 * The same for a volume that is new.
 */
bool rl_after_new(const RlPool *pool, const char *name, GError **error);

/**
 * rl_after_space:
 * There may be space now: ends the runs of volumes of the pool of @call whose commit waits for it
 * (rl_volume_end_late()), with a warning for each that cannot be, and has the daemon look at the
 * pool.
 */
void rl_after_space(RlCall *call);

/**
 * rl_after_many:
 * Has the daemon look at @pool, of which many volumes are new.
 */
void rl_after_many(const RlPool *pool);
