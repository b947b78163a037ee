/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a file takes of the disk: what it has for itself, and what it shares with others. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/progress.h"

typedef struct {
    uint64_t exclusive; /* bytes of blocks that no other file has: a deletion gives them back */
    uint64_t shared;    /* bytes of blocks that others have as well */
    uint64_t extents;   /* how many there are */
    bool exact;         /* false: some are compressed, or have no place yet */
} RlAllocation;

/**
 * rl_allocation_get:
 * Looks at all extents of the regular file @fd, behind its end, too. Takes time with their number,
 * and the same memory however many there are. @progress may be NULL. A file system without reflinks
 * shares nothing.
 *
 * Of compressed extents the bytes that are read from them count. btrfs frees an extent when no file
 * has any part of it, and OCFS2 calls what was shared once shared for ever: there a deletion can
 * give back less, or more. False with an errno.
 */
bool rl_allocation_get(int fd, const RlProgress *progress, RlAllocation *ret_allocation,
                       GError **error);
