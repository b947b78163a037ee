/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a creation changes besides: NAME@current the size and kind of NAME, and a new volume what
 * the snapshot volumes begin with that had one of its name as their source. */
#pragma once

#include "common/operation/staged-image.h"
#include "rights.h"

/**
 * rl_rights_require_replacement:
 * 0 if @draft, which is filled and about to be published in @pool, replaces no volume; or if the
 * caller of this thread may resize NAME, where its size changes, and delete and create NAME, where
 * it becomes a volume of another kind. Else -1 with libvirt's error set. The right to write to it
 * was asked for before.
 */
int rl_rights_require_replacement(const virStoragePoolDef *pool, const RlStagedImage *draft);

/**
 * rl_rights_require_users:
 * 0 if @draft is to be no new volume of @pool, or if the caller of this thread may write to each
 * snapshot volume that has a volume of its name as its source, as far as the last look through the
 * pool has found some. Else -1 with libvirt's error set.
 */
int rl_rights_require_users(const virStoragePoolDef *pool, const RlStagedImage *draft);
