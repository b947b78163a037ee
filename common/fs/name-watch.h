/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which names of a directory have changed, as the kernel tells (inotify(7)): then a large one need
 * not be read again because of one name. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct RlNameWatch RlNameWatch;

/**
 * RlNameChanged:
 * The name @name came, went, or became another file's. It may have been, and may be, that of
 * anything.
 */
typedef void (*RlNameChanged)(const char *name, void *data);

/**
 * rl_name_watch_new:
 * Begins to watch the directory @dir, which stays open and the caller's. Returns the watch, owned
 * by the caller; NULL where it cannot be watched: its file system is not XFS, btrfs or ext4, a
 * limit of the kernel's (fs.inotify.*) is reached, or this process has 16 watches. Then nothing is
 * wrong, but nothing will be told. It keeps neither the directory nor its file system busy.
 */
RlNameWatch *rl_name_watch_new(int dir);

/**
 * rl_name_watch_read:
 * Calls @changed with each name that has changed in @dir since the last reading, or the beginning;
 * a name may come more than once. All changes whose system call has returned are among them,
 * whoever made them, by whatever path. False if some could not be told (too many, the directory was
 * moved or removed, its file system unmounted, the process is a child of the one that began), or if
 * @dir is not the directory that is watched: then this watch is of no more use, and the directory
 * has to be read. Does not wait.
 */
bool rl_name_watch_read(RlNameWatch *watch, int dir, RlNameChanged changed, void *data);

/**
 * rl_name_watch_free:
 * Ends it; nothing for NULL.
 */
void rl_name_watch_free(RlNameWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlNameWatch, rl_name_watch_free)
