/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where all blocks of a file lie, in so little that two readings can be compared. */
#pragma once

#include "extent-map.h"

/* Of an empty file all is 0. */
typedef struct {
    uint64_t sums[2];        /* of the runs so far that are at their end: a hash of 128 bits */
    uint64_t start, end;     /* of the run that may go on, in bytes of the file; empty: none */
    uint64_t physical;       /* where that begins on the device */
    bool doubtful, unshared; /* some extent is not plain (rl_extent_is_plain()); not shared */
} RlMapDigest;

/**
 * rl_map_digest_add:
 * Adds what @map says of the bytes from @start up to @end, which follow those that were added
 * before.
 */
void rl_map_digest_add(RlMapDigest *digest, const RlExtentMap *map, uint64_t start, uint64_t end);

/**
 * rl_map_digest_read:
 * Adds the whole map of the first @length bytes of @fd. False with the error of
 * rl_extent_map_read_places().
 */
bool rl_map_digest_read(RlMapDigest *digest, int fd, uint64_t length, GError **error);

/**
 * rl_map_digest_is_same:
 * True if in both each block lay in the same place, which is known of all of them, however the file
 * system cut them into extents. Ends both: nothing can be added any more.
 */
bool rl_map_digest_is_same(RlMapDigest *a, RlMapDigest *b);
