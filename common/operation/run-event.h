/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the journal says of a run's beginning and end, for a person who asks what happened to a
 * volume. */
#pragma once

#include "start.h"
#include "stop.h"

/**
 * rl_run_event_started:
 * The volume, whose actor is the run's domain, was started with @flags; @continued says that its
 * dirty image was there before. The event is "started", "continued" or "restored".
 */
void rl_run_event_started(const RlVolume *volume, RlStartFlags flags, bool continued);

/**
 * rl_run_event_ended:
 * The run @run (may be NULL) on the volume has ended, as @stop says; a commit made the clean image
 * of before the revision @revision. The event is "committed", "unwritten", "dropped" or "returned";
 * there is none where the image is left as it is.
 */
void rl_run_event_ended(const RlVolume *volume, const RlImageOwner *run, RlStop stop,
                        uint64_t revision);
