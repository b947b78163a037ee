/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that comes by a migration, maybe with its disks. Until it runs here, what is in its dirty
 * images is no run: half of a disk, it may be. The image itself says so (RlImageOwner.arriving). */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/volume.h"

/**
 * rl_volume_arrived:
 * The guest of the domain @owner has come, with all that the volume @name holds: it is a run like
 * any other. Fine where the volume is not @owner's. Durable some time later: what a host that
 * crashes forgets of it is kept for a person.
 */
bool rl_volume_arrived(const RlPool *pool, const char *name, const RlDomainRef *owner,
                       GError **error);

/**
 * rl_volume_expect_arrival:
 * The domain @owner, which has just been started on the volume @name and has written nothing yet,
 * is brought by a migration that was not announced: notes that, durably, before the first byte of
 * it comes. Fine where the volume is not @owner's, or is only read. Fails with RL_ERROR_STATE, and
 * changes nothing, where the image is what an earlier run has left, which the migration would write
 * over. A crash before it is durable leaves the image of a run that has written nothing.
 */
bool rl_volume_expect_arrival(const RlPool *pool, const char *name, const RlDomainRef *owner,
                              GError **error);

/**
 * rl_volume_refute_arrival:
 * The domain @owner runs, and no migration brought it, though its start was announced as one: the
 * run on the volume @name is one like any other. Fine where the volume is not @owner's. Fails with
 * RL_ERROR_STATE, and changes nothing, where the image is what an earlier migration left that was
 * broken off: the domain must not run on it.
 */
bool rl_volume_refute_arrival(const RlPool *pool, const char *name, const RlDomainRef *owner,
                              GError **error);

/**
 * rl_volume_drop_arrival:
 * The migration that was to bring the domain @owner was broken off, and it never ran here: drops
 * the dirty image that was made for it. A direct volume's is the only one, and stays for a person,
 * or another migration, to decide. Never commits. *@ret_done is false where it made no image: what
 * was there before, or is only read, is the caller's to keep. Fine where @owner does not have it.
 * RL_ERROR_BUSY while somebody has it open.
 */
bool rl_volume_drop_arrival(const RlPool *pool, const char *name, const RlDomainRef *owner,
                            bool *ret_done, GError **error);
