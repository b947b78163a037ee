/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Marks and owners that contradict each other, or the image that they are on. We write none of
 * these: they come with copies, with files that were renamed by hand, and from faults. What is no
 * contradiction: a saved image with a run of an earlier boot, since a save outlives the host's
 * boot; a suspect one with any run; a run beside "kept", which a start leaves that was cut off. */
#pragma once

#include "show-volume.h"

/**
 * rl_contradictions_look:
 * Adds to @findings (findings.h) what contradicts of the images of @look, and of its @revisions.
 * Changes nothing; what cannot be opened is none of these.
 */
void rl_contradictions_look(GPtrArray *findings, const RlLook *look, const GPtrArray *revisions);
