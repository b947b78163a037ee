/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A precache is made of what goes: of a revision that was pruned, or of the precache before. That
 * shares all but what the last runs wrote with the clean image, so that no more than this has to be
 * shared anew, and nothing large is cloned or freed. */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_precache_remake:
 * Makes the precache of @volume of an image that was dropped and not removed yet
 * (rl_spare_take()). False where that cannot be, for whatever reason: then it is to be cloned
 * (rl_precache_make()). Takes the volume's lock only for a moment, and no start waits for it: that
 * clones for itself what is not there yet.
 *
 * Steps, and what a crash after each leaves:
 * - compare the maps of both images, fsync(directory): the image under its temporary name, which no
 *   power cut takes back; nothing.
 * - take its attributes off, give it the access, share what differs, compare again; size, marks,
 *   date; fsync: a temporary, which the next sweep removes.
 * - lock; look at all anew; rename it to the precache's name: the temporary, or the precache.
 */
bool rl_precache_remake(RlVolume *volume);
