/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What two looks at a file say. */
#pragma once

#include <glib.h>
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

/**
 * rl_inode_describe:
 * Names the inode of the file @name in @dir, of @dir itself where that is "", as no other one is
 * named: its number may be given again after it is gone, but not with the same time of birth.
 * *@ret_inode, "NUMBER SECONDS.NANOSECONDS", is owned by the caller, and NULL where the file system
 * keeps no such time. False with the errno of what failed.
 */
bool rl_inode_describe(int dir, const char *name, char **ret_inode, GError **error);
