/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is a directory a reflink pool, or within one? Asked of its marker and its mark, which
 * common/pool/pool.h reads in full. */
#pragma once

/* As common/pool/pool.h has it. */
#define RL_PLACE_MARKER ".reflink-pool.xml"

typedef enum {
    RL_PLACE_ELSEWHERE,
    RL_PLACE_POOL,
    RL_PLACE_WITHIN,
} RlPlace;

/**
 * rl_place:
 * Looks at the directory @path and at those above it, after symbolic links. What cannot be told is
 * a pool; what is not there, and what root may not look into (a network's file system), is none.
 */
RlPlace rl_place(const char *path);

/**
 * rl_place_of_file:
 * The same for the directory that the file @path lies in.
 */
RlPlace rl_place_of_file(const char *path);
