/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Has any block of a file system got another owner since? Deduplicators and defragmentation leave
 * no trace in the files that they move, but each such move is a transaction of the file system.
 *
 * XFS counts its transactions (/sys/fs/xfs/DEVICE/stats/stats, "trans"). One is counted before the
 * lock of the file's map is let go of, so whoever reads a map that has changed finds another number
 * behind it. Btrfs numbers its own, which last for many changes: it gives no block away that was
 * freed in the same one, and calls that the generation (BTRFS_IOC_FS_INFO). */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int fd;     /* what is asked: of XFS its statistics, of btrfs a file, borrowed; -1: nothing */
    bool btrfs; /* a block can have left its file and come back to it meanwhile, but not have got
                   other content */
} RlStandstill;

/**
 * rl_standstill_open:
 * Prepares to ask the file system of @fd, which has to stay open. *@ret_standstill, to be closed by
 * the caller, has no descriptor where that cannot be asked: another file system, an older kernel,
 * no /sys.
 */
void rl_standstill_open(int fd, RlStandstill *ret_standstill);

/**
 * rl_standstill_count:
 * What it counts, which is the same number later if nothing got another owner meanwhile. False
 * where it cannot be told.
 */
bool rl_standstill_count(const RlStandstill *standstill, uint64_t *ret_count);

/**
 * rl_standstill_close:
 * Closes what was opened. Fine twice.
 */
void rl_standstill_close(RlStandstill *standstill);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlStandstill, rl_standstill_close)
