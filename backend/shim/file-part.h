/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the name of a file in a pool says: of which volume it is, and of which revision.
 * common/format/file-name.h has them all; the unit test compares. */
#pragma once

#include <stdbool.h>

/* Which file of a volume tells its size: the lowest that is there. */
enum { RL_PART_DIRTY, RL_PART_CLEAN, RL_PART_RECORD, RL_PART_REVISION };

typedef struct {
    int role; /* RL_PART_DIRTY, ... */
    int leaf_length;
    int revision_length; /* 0, but for a revision */
    const char *revision;
} RlFilePart;

/**
 * rl_file_part:
 * Reads the directory entry @file. False for what is no part of a volume, or is not listed.
 */
bool rl_file_part(const char *file, RlFilePart *ret_part);

/**
 * rl_file_part_is_component:
 * True if the directory @name may be part of a volume's name.
 */
bool rl_file_part_is_component(const char *name);
