/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is mounted where, and which part of a file system it is (proc(5), /proc/PID/mountinfo). */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t id;   /* as statx(2) has it with STATX_MNT_ID */
    char *device;  /* "8:1": the same for all mounts of one file system, btrfs' subvolumes too */
    char *root;    /* the path in the file system of what is mounted; "/": all of it */
    char *point;   /* where it is mounted */
    char *type;    /* of the file system */
    char *source;  /* for most: the path of its block device */
    bool readonly; /* the file system is, not this mount of it alone */
} RlMount;

/**
 * rl_mounts_read:
 * Returns the mounts of this mount namespace (RlMount), owned by the caller; NULL with @error. One
 * read of a file, whose size grows with their number.
 */
GPtrArray *rl_mounts_read(GError **error);

/**
 * rl_mounts_read_of:
 * The same as the process or thread sees it that has the directory @process in proc(5): what can be
 * reached from its root. ENOENT, ESRCH or EINVAL: it is gone.
 */
GPtrArray *rl_mounts_read_of(int process, GError **error);

/**
 * rl_mounts_find:
 * The mount with that @id, borrowed; NULL where it is not there, or not any more.
 */
const RlMount *rl_mounts_find(const GPtrArray *mounts, uint64_t id);

/**
 * rl_mounts_below:
 * What is left of the path @path below the directory @dir, without a slash before it, borrowed from
 * @path ("" for @dir itself); NULL where it does not lie there.
 */
const char *rl_mounts_below(const char *dir, const char *path);
