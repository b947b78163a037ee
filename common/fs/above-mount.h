/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies above a mounted directory in its file system: a bind mount, a btrfs subvolume or a
 * container's view of a directory shows a part only, and the way up by its path leads elsewhere. */
#pragma once

#include "mounts.h"

/**
 * RlAboveVisit:
 * Called with each directory above, from the topmost one of the file system down: @dir is open with
 * O_PATH, @path is its path in the file system. True if it is what is looked for; the last one of
 * these counts. Sets *@error where that cannot be told.
 */
typedef bool (*RlAboveVisit)(int dir, const char *path, GError **error);

/**
 * rl_above_find:
 * Looks for a directory that @visit wants above what is mounted as @mount and open as @fd (O_PATH
 * does). *@ret_path is then its path by the mounts that there are, and *@ret_inside the rest of the
 * way down to what is mounted; owned by the caller, NULL where there is none. Nothing is looked at
 * where all of a file system is mounted.
 *
 * False with @error where it cannot be told, RL_ERROR_STATE: what is above is neither mounted, nor
 * can it be reached by other means (a handle, btrfs; a mount that nobody else sees, of a block
 * device). A file system without a block device that shows no more counts as having nothing there:
 * it is another machine's, or in memory.
 */
bool rl_above_find(const GPtrArray *mounts, const RlMount *mount, int fd, RlAboveVisit visit,
                   char **ret_path, char **ret_inside, GError **error);
