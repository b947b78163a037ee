/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mount may show a part of a file system only: a bind mount does, and that of a subvolume. What
 * lies above that part, as the marker of a pool, is not to be seen from there. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

/* What rl_mount_shows_whole() needs of statx(2). */
#define RL_STATX_MOUNT (STATX_MNT_ID | 0x4000u /* STATX_MNT_ID_UNIQUE, Linux 6.8 */)

/**
 * rl_mount_shows_whole:
 * Does the mount that @st lies on show all of its file system? False where that cannot be told.
 */
bool rl_mount_shows_whole(const struct statx *st);
