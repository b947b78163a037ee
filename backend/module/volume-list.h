/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's list of a pool's volumes, made like the disk. */
#pragma once

#include "virstorageobj.h"

#include "common/pool/pool.h"
#include "common/pool/volume.h"

/**
 * rl_volume_list_fill:
 * Fills the empty list of @obj and the pool's sizes from @pool. 0, or -1 with libvirt's error set.
 */
int rl_volume_list_fill(virStoragePoolObj *obj, const RlPool *pool);

/**
 * rl_volume_list_update_space:
 * Sets the pool's sizes anew. libvirt reckons as if volumes shared nothing: what it is about to add
 * to the allocation, and to take from what is available, is @to_be_added, and is taken off before.
 * A deletion adds less than nothing, as unsigned numbers do that.
 */
void rl_volume_list_update_space(virStoragePoolObj *obj, const RlPool *pool,
                                 unsigned long long to_be_added);

/**
 * rl_volume_list_update_revisions:
 * Adds the revisions of @volume that the list of @obj lacks, and drops those that are gone. An
 * entry that is in use or building stays.
 */
void rl_volume_list_update_revisions(virStoragePoolObj *obj, const RlVolume *volume);

/**
 * rl_volume_list_drop_revisions:
 * @name, a volume or revision of @pool, was deleted: takes the revisions of it that nobody uses out
 * of the list, and sees to it that those of the volume are looked at the next time.
 */
void rl_volume_list_drop_revisions(virStoragePoolObj *obj, const RlPool *pool, const char *name);

/**
 * rl_volume_list_has_busy_revisions:
 * True if somebody uses a revision of @volume now.
 */
bool rl_volume_list_has_busy_revisions(virStoragePoolObj *obj, const char *volume);
