/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Qubes OS's driver left when its host crashed becomes a volume of ours, as an administrator
 * has decided (common/pool/qubes-leftover.h). */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_peer_make_snapshot:
 * Makes @volume, which is such a snapshot of @source, a snapshot volume of ours: what its domain
 * wrote is dropped. The caller has the lock.
 *
 * Steps, and what a crash after each leaves: the record (what was there, for the images contradict
 * it); the link is dropped, and that made durable (a snapshot with a dirty image that a person
 * decides about); the dirty image.
 */
bool rl_peer_make_snapshot(const RlVolume *volume, const char *source, GError **error);

/**
 * rl_peer_make_direct:
 * Makes @volume, of which there is a dirty image alone and whose name a rule of its pool gives the
 * kind RL_KIND_DIRECT, such a volume: the driver left it running without snapshots. Nothing is done
 * where that is not so. The caller has the lock; @volume is looked at anew.
 */
bool rl_peer_make_direct(RlVolume *volume, GError **error);
