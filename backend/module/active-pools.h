/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which directory each active reflink pool of this daemon is. A pool's path may lead through
 * symbolic links and mounts, so two definitions can be one directory, and one can become another.
 */
#pragma once

#include "storage_conf.h"

#include "common/pool/pool.h"

/**
 * rl_active_pools_add:
 * From now on the directory of @pool is that of libvirt's pool @def, and what that was before is
 * not. False with RL_ERROR_STATE where it is that of another active pool, which is named; but one
 * that was added without @firm gives way to a firm one.
 */
bool rl_active_pools_add(const virStoragePoolDef *def, const RlPool *pool, bool firm,
                         GError **error);

/**
 * rl_active_pools_check_place:
 * False with RL_ERROR_STATE where the directory of @pool is another than that of @def.
 */
bool rl_active_pools_check_place(const virStoragePoolDef *def, const RlPool *pool, GError **error);

/**
 * rl_active_pools_check:
 * The same, also where it is that of another one.
 */
bool rl_active_pools_check(const virStoragePoolDef *def, const RlPool *pool, GError **error);

/**
 * rl_active_pools_has:
 * True if @def is an active reflink pool, whatever has become of its marker.
 */
bool rl_active_pools_has(const virStoragePoolDef *def);

/**
 * rl_active_pools_remove:
 * @def is not active any more.
 */
void rl_active_pools_remove(const virStoragePoolDef *def);
