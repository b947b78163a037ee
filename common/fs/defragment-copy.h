/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of a file that a plan names get new blocks, in extents as large as the file system has
 * them, and the same bytes. The rest goes on sharing the blocks of the original. */
#pragma once

#include "common/base/progress.h"
#include "defragment-plan.h"
#include "sparse-copy.h"

typedef struct {
    const RlDefragmentPlan *plan; /* of the original */
    RlProgress progress;          /* of copying and of comparing */
    RlGoOn go_on;                 /* asked with data now and then; NULL: it always goes on */
    void *data;
} RlDefragmentCopy;

/**
 * rl_defragment_supported:
 * False with RL_ERROR_UNSUPPORTED unless the file @fd is on a file system whose maps tell whether
 * two files are equal (rl_extents_compare()): XFS or btrfs.
 */
bool rl_defragment_supported(int fd, GError **error);

/**
 * rl_defragment_copy:
 * Gives @to, a reflink of @from that is open for reading and writing, blocks of its own in the
 * ranges of @copy->plan, copies these, makes all of @to durable, and compares the two: by their
 * maps where they share blocks, else byte by byte, as they come from the disk where the kernel
 * drops what it has in memory. Changes the date of @to. ECANCELED where @copy->go_on says no; EIO
 * where a byte differs; ENOSPC; else an errno. Then @to is to be thrown away.
 */
bool rl_defragment_copy(const RlDefragmentCopy *copy, int from, int to, GError **error);
