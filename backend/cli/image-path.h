/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where libvirt finds a volume. */
#pragma once

#include "common/pool/pool.h"

/**
 * rl_image_root:
 * Returns the directory of @pool as libvirt has it where the pool is active (rl_pools_path()), else
 * without symbolic links; owned by the caller.
 */
char *rl_image_root(const RlPool *pool);

/**
 * rl_image_path:
 * Returns the path of the dirty image of the volume @name of @pool, whether that is there or not,
 * as libvirt has it where the pool is active (rl_pools_path()); owned by the caller. NULL with
 * @error where there is no such volume.
 */
char *rl_image_path(const RlPool *pool, const char *name, GError **error);

/**
 * rl_disk_path:
 * Returns the path by which a domain is to have the volume @name of @pool as a disk: as
 * rl_image_path(), but in a pool whose paths are links the volume's link; owned by the caller. NULL
 * with @error where there is no such volume.
 */
char *rl_disk_path(const RlPool *pool, const char *name, GError **error);
