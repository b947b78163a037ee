/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which parts of a fragmented file are worth being written again, in large extents. */
#pragma once

#include "common/base/progress.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* So many ranges at most: 16 MiB of them. */
#define RL_DEFRAGMENT_RANGES_MAX 1048576

typedef struct {
    uint64_t start, end; /* bytes */
} RlDefragmentRange;

typedef struct {
    uint64_t limit; /* bytes: an extent that is as large stays where it is */
    bool unshare;   /* rewrite also what other files share */
} RlDefragmentRule;

typedef struct {
    GArray *ranges;   /* of RlDefragmentRange, by rising place; none touches another one */
    uint64_t extents; /* of the whole file, as RlFragmentation counts them */
    uint64_t pieces;  /* so many extents lie in the ranges, which are to become one each */
    uint64_t bytes;   /* of the ranges: so many are written */
    uint64_t shared;  /* of these, bytes that are shared now: they will take space of their own */
    uint64_t left;    /* so many small extents would go as well if they were not shared */
    bool partial;     /* there is more: RL_DEFRAGMENT_RANGES_MAX was reached */
} RlDefragmentPlan;

/**
 * rl_defragment_plan:
 * Reads the map of the regular file @fd, and finds each range of at least two neighbouring extents
 * smaller than @rule->limit, into *@ret_plan, to be cleared by the caller also after a failure.
 * Holes end a range, and so does what is shared, unless @rule->unshare says otherwise, and each
 * extent that is not plain (rl_extent_is_plain()): it stays as it is. @progress may be NULL. False
 * with an errno.
 */
bool rl_defragment_plan(int fd, const RlDefragmentRule *rule, const RlProgress *progress,
                        RlDefragmentPlan *ret_plan, GError **error);

/**
 * rl_defragment_plan_clear:
 * Frees what @plan has.
 */
void rl_defragment_plan_clear(RlDefragmentPlan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlDefragmentPlan, rl_defragment_plan_clear)
