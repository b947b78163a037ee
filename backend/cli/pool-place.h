/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file system that a pool's directory lies on, or should lie on. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_pool_place_describe:
 * Says what the directory @path lies on, for a person: "xfs of '/dev/vdb1' at '/srv'". Owned by the
 * caller.
 */
char *rl_pool_place_describe(const char *path);

/**
 * rl_pool_place_unmounted:
 * Returns the mount point, owned by the caller, at or above @path, that /etc/fstab (fstab(5)) has
 * and where nothing is mounted now: the lowest. NULL where there is none.
 */
char *rl_pool_place_unmounted(const char *path);

/**
 * rl_pool_place_require_mounted:
 * True if there is no such mount point. Else false with RL_ERROR_NOT_FOUND that names the pool
 * @name and it.
 */
bool rl_pool_place_require_mounted(const char *name, const char *path, GError **error);
