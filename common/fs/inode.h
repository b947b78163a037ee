/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What two looks at a file say. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

/**
 * rl_stat_same:
 * True if both are the same inode.
 */
bool rl_stat_same(const struct stat *a, const struct stat *b);

/**
 * rl_stat_same_date:
 * True if both have the same modification time, to the nanosecond.
 */
bool rl_stat_same_date(const struct stat *a, const struct stat *b);
