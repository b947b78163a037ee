/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The size of a disk: whole sectors. Of a file that ends within one a loop device (Xen's disks)
 * leaves out that end, and QEMU adds to it: the same volume would be two disks, and one that was
 * made smaller to such a size would have lost a sector. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RL_SECTOR 512

/**
 * rl_capacity_is_whole:
 * True if @bytes are whole sectors.
 */
bool rl_capacity_is_whole(uint64_t bytes);

/**
 * rl_capacity_round:
 * Returns @bytes, rounded up to whole sectors: the size that a guest of QEMU sees. What is more
 * than a file can have stays as it is, for who makes the file to fail.
 */
uint64_t rl_capacity_round(uint64_t bytes);

/**
 * rl_capacity_round_for:
 * As rl_capacity_round(), and says so in the log where that is more: of the volume or revision
 * @name.
 */
uint64_t rl_capacity_round_for(const char *name, uint64_t bytes);
