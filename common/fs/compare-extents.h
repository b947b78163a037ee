/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where two files differ, told without reading them: blocks that both share are equal. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "map-digest.h"

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
    void (*compared)(uint64_t end, void *data); /* called with @data now and then: all before @end
                                                   is done; may be NULL */
    void *data;
    bool guess; /* reads a once only, before b: what is said to be equal then is no proof */
    uint64_t doubtful_max;    /* gives up when so many bytes of b lie in extents that are not plain
                                 (rl_extent_is_plain()); 0: never */
    RlMapDigest *places_of_b; /* gets where all of b lay when it was read; may be NULL */
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
 * does a place that the file system does not call shared, and each extent that is not plain
 * (rl_extent_is_plain()). Where the file system itself says that nothing has moved
 * (standstill.h), that takes the place of the last reading or, on btrfs, of looking what is shared:
 * from the second map on. Whoever writes to the files meanwhile makes the answer one of the
 * past.
 *
 * Only on XFS and btrfs, within one device: for others, for realtime files, too many extents
 * or doubtful ones (RL_ERROR_UNSUPPORTED), or an errno, RL_EXTENTS_UNKNOWN with @error. Ranges that
 * were called for by then are as they were said to be.
 */
RlExtents rl_extents_compare(int a, int b, const RlExtentsWish *wish, GError **error);
