/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Qubes OS's file-reflink driver leaves in a tree when its host crashes. Its names are ours,
 * but it has no records: a snapshot volume that runs is a hard link to the clean image of what it
 * was made from, NAME.img, beside NAME-dirty.img. That looks like a persistent volume. */
#pragma once

#include "volume.h"

/**
 * rl_peer_source:
 * Says in *@ret_source, owned by the caller, of which volume @volume is such a snapshot: nothing of
 * ours is noted on its dirty image, and its clean one is another volume's clean image or revision.
 * NULL where it is none, and where nothing is noted on the other's dirty image either: then it
 * cannot be told which of them is the snapshot. Walks the pool where there is such a link, opening
 * no more than dirty images. False with @error where it cannot be told.
 */
bool rl_peer_source(const RlVolume *volume, char **ret_source, GError **error);

/**
 * rl_peer_left_running:
 * True if the volume @name of @pool has a dirty image that nothing of ours is noted on.
 */
bool rl_peer_left_running(const RlPool *pool, const char *name);

/**
 * rl_peer_refuse:
 * Says that @volume cannot be @what, since it is such a snapshot of @source; and the ways out.
 * Always false.
 */
bool rl_peer_refuse(const RlVolume *volume, const char *source, const char *what, GError **error);
