/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two open files of 4 MiB of which the second was made from the first, for tests of what differs.
 */
#pragma once

#include "lab.h"

#define PAIR_SIZE (4 * MIB)

typedef struct {
    int a, b; /* b is made from a */
} Pair;

/* Data, a hole, data, a hole; b is a reflink, or where there are none a copy. */
Pair pair_new(Lab *lab);
void pair_close(Pair *pair);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_close)

/* Makes the file @to the same as @from, in the same way. */
void pair_make_like(Lab *lab, int from, int to);

void pair_fill(int fd, char byte, uint64_t start, uint64_t length);
void pair_punch(int fd, uint64_t start, uint64_t length);

/* Where the first block of the file @fd lies. */
uint64_t pair_place(int fd);

/* The file @fd gets the blocks of @other there, as by a deduplicator: they have the same bytes. */
void pair_move_to(int fd, int other, uint64_t start, uint64_t length);

/* Two files of 1 MiB, of 'a' and of 'b', to be closed by the caller. A third file shares a's
 * blocks. */
Pair pair_to_swap(Lab *lab);

/* Of those that were made last a's blocks are moved away, as by a deduplicator, and b's to where
 * a's were, if no other file gets that place. Neither's content changes. Files that were tried on
 * the way stay, for their blocks not to be given out again. Returns 0. */
int pair_swap_places(Lab *lab);
