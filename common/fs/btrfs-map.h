/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the blocks of a file of btrfs lie, as its tree says (BTRFS_IOC_TREE_SEARCH_V2): FIEMAP
 * looks for each extent who else has it, which takes ten times as long. */
#pragma once

#include "extent-map.h"

/**
 * rl_btrfs_map_read:
 * Does for the file @fd, on btrfs, what rl_extent_map_read() does, but does not look what is
 * shared: calls each plain extent so. What was written has its place already. False with the errno:
 * EPERM without CAP_SYS_ADMIN.
 */
bool rl_btrfs_map_read(int fd, uint64_t start, uint64_t *end, RlExtentMap *map, GError **error);
