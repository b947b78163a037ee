/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Into how many pieces a file has come on the disk. */
#pragma once

#include "common/base/progress.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t extents;   /* pieces that are contiguous in the file and on the disk, whatever of them
                           is shared */
    uint64_t allocated; /* bytes of blocks, those behind its end too; what lies in the inode does
                           not count */
    uint64_t shared;    /* of these, bytes of blocks that other files have as well */
    bool exact; /* false: some extents are compressed, or have no place yet, and each of them
                   counts as a piece */
} RlFragmentation;

/**
 * rl_fragmentation_get:
 * Looks at the map of the regular file @fd, and reads nothing of it. @progress may be NULL. Takes
 * time with the number of extents, and the same memory however many there are. False with an errno.
 */
bool rl_fragmentation_get(int fd, const RlProgress *progress, RlFragmentation *ret_fragmentation,
                          GError **error);

/**
 * rl_fragmentation_mean:
 * The mean size of an extent, in bytes; 0 where there is none.
 */
uint64_t rl_fragmentation_mean(const RlFragmentation *fragmentation);
