/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of a volume that was stopped, in words. */
#pragma once

#include "common/operation/stop.h"

/**
 * rl_stop_outcome:
 * Returns what follows the volume's name in a sentence about @stop, but for RL_STOP_HELD; static.
 */
const char *rl_stop_outcome(RlStop stop);

/**
 * rl_stop_refuse_held:
 * Says for which decision the image of the volume @name waits, after RL_STOP_HELD. Always false.
 */
bool rl_stop_refuse_held(const RlPool *pool, const char *name, GError **error);
