/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where two files differ, told without reading them: blocks that both share are equal. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    RL_EXTENTS_SAME,      /* each block is shared, or a hole in both */
    RL_EXTENTS_DIFFERENT, /* some range is neither: its content may be equal all the same */
    RL_EXTENTS_UNKNOWN,   /* it cannot be told */
} RlExtents;

/**
 * RlExtentsRange:
 * Called for each range, in bytes, that is not known to be equal: in order, and as large as it can
 * be. Returns false to end the comparison.
 */
typedef bool (*RlExtentsRange)(uint64_t start, uint64_t length, void *data);

typedef struct {
    uint64_t length; /* compares so many bytes from the start; behind its end a file is a hole */
    uint64_t extents_max; /* gives up when so many extents were seen, in all readings; 0: never */
    RlExtentsRange range; /* with @data; NULL: the first range that differs ends it */
    void *data;
} RlExtentsWish;

/**
 * rl_extents_compare:
 * Compares the regular files @a and @b, both readable, by where their blocks lie (FIEMAP, after all
 * that was written to them has got its place). Takes time with the number of extents, and the same
 * memory however many there are.
 *
 * The same place proves the same content only if both files had it at one time: deduplicators,
 * balancing and defragmentation move the blocks of files that nobody writes to, and give the place
 * away. So @a is read, then @b, then @a again, and what changed in between counts as different; so
 * does a place that the file system does not call shared, and each extent of which it says anything
 * else: not yet placed, unwritten, inline, compressed or encrypted (such an extent says nothing of
 * where in it the data begins). Whoever writes to the files meanwhile makes the answer one of the
 * past.
 *
 * Only on XFS and btrfs, within one device: for others, for realtime files, too many extents
 * (RL_ERROR_UNSUPPORTED), or an errno, RL_EXTENTS_UNKNOWN with @error. Ranges that were called for
 * by then are as they were said to be.
 */
RlExtents rl_extents_compare(int a, int b, const RlExtentsWish *wish, GError **error);
