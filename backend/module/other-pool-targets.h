/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of other types must not lead into a reflink pool either. One that mounts something has its
 * images in a directory like any other, and what it mounts can be what the reflink pool lies on;
 * one that is made of devices takes a regular file for one, which mount(8) and mkfs(8) then write
 * to. */
#pragma once

#include "storage_backend.h"

/**
 * rl_other_pool_targets_wrap:
 * From now on the functions of @backend that build and start a pool, and for a pool that mounts
 * something those that change a volume, fail where the pool's directory lies inside a reflink pool
 * or one of its source devices does, with libvirt's error set; a pool that is active already stays
 * that. Nothing is mounted over a reflink pool. Where the directory is the root of one, the pool
 * starts, for it may be what mounts it, but changes no volume. To be called once for each type.
 */
void rl_other_pool_targets_wrap(virStorageBackend *backend);

/**
 * rl_other_pool_require_name:
 * For when the volume @vol is about to be created in a pool that is no reflink pool, whatever its
 * type: 0 if its file has not the name of a marker (rl_pool_is_marker()), else -1 with libvirt's
 * error set. The file would be root's, and the right to create a volume is none to make the
 * directory another kind of pool.
 */
int rl_other_pool_require_name(const virStorageVolDef *vol);
