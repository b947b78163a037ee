/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of a volume that was stopped, in words. */
#pragma once

#include "backend/cli/document.h"
#include "common/operation/stop.h"

/**
 * rl_stop_outcome:
 * Returns what follows the volume's name in a sentence about @stop, but for RL_STOP_HELD; static.
 */
const char *rl_stop_outcome(RlStop stop);

/**
 * rl_stop_note:
 * Writes @stop into @document as "result", and after a commit the number of the revision that the
 * former clean image has become as "revision". To be called before anything is pruned.
 */
void rl_stop_note(RlDocument *document, const RlPool *pool, const char *name, RlStop stop);

/**
 * rl_stop_refuse_held:
 * Says for which decision the image of the volume @name waits, after RL_STOP_HELD. Always false.
 */
bool rl_stop_refuse_held(const RlPool *pool, const char *name, GError **error);
