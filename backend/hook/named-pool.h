/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which directory the name of a pool stands for in the XML of a domain that runs or has just ended
 * (<disk type='volume'>). libvirt has looked the name up when it started the domain, or was given
 * the disk. Since then the pool can have been undefined, and another directory can have its name,
 * with volumes of the same names that are none of the domain's. */
#pragma once

#include "xml/domain.h"

/**
 * rl_named_pool_find:
 * Finds the root of the reflink pool @pool with the volume @volume that @domain, of which @started
 * is what was noted at its start (rl_started_volumes_read()), is on: *@ret_root, owned by the
 * caller. That is the one that was noted. A volume that was not, which libvirt may have plugged in,
 * is looked up by the name of the pool as it is now, and counts only if it was noted under another
 * name, if its dirty image names the domain, or if the pool has been active under that name since
 * before the domain was started. *@ret_root is NULL where there is none: no reflink pool, or none
 * that can be told to be the domain's, of which the log says where that leaves an image. False with
 * @error where it cannot be told whether there is a pool.
 */
bool rl_named_pool_find(const RlDomain *domain, const GPtrArray *started, const char *pool,
                        const char *volume, char **ret_root, GError **error);
