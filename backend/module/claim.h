/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which directory each active reflink pool of this daemon is. A pool's path may lead through
 * symbolic links and mounts, so two definitions can be one directory, and one can become another.
 */
#pragma once

#include "storage_conf.h"

#include "common/pool/pool.h"

/**
 * rl_claim_take:
 * From now on the directory of @pool is that of libvirt's pool @def, and what that was before is
 * not. False with RL_ERROR_STATE where it is that of another active pool, which is named; but one
 * that was claimed without @firm gives way to a firm claim.
 */
bool rl_claim_take(const virStoragePoolDef *def, const RlPool *pool, bool firm, GError **error);

/**
 * rl_claim_check_place:
 * False with RL_ERROR_STATE where the directory of @pool is another than @def has claimed.
 */
bool rl_claim_check_place(const virStoragePoolDef *def, const RlPool *pool, GError **error);

/**
 * rl_claim_check:
 * The same, also where it is claimed by another one.
 */
bool rl_claim_check(const virStoragePoolDef *def, const RlPool *pool, GError **error);

/**
 * rl_claim_is_there:
 * True if @def has claimed its directory: it is an active reflink pool, whatever has become of its
 * marker.
 */
bool rl_claim_is_there(const virStoragePoolDef *def);

/**
 * rl_claim_drop:
 * @def is not active any more.
 */
void rl_claim_drop(const virStoragePoolDef *def);
