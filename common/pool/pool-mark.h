/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool's own mark: the proof that this process sees what is noted on images.
 *
 * What a volume does is noted in trusted.* attributes. To a process without CAP_SYS_ADMIN they look
 * as if they were not there (xattr(7)), and many programs that copy a tree leave them behind: then
 * a saved guest's disk looks like one that nobody needs. So a pool has an attribute on its
 * directory, RL_ATTR_POOL, and the same text in its marker, which every copy takes along. Who reads
 * both sees the attributes of the images as well. Where the marker has the text and the directory
 * has not, or has another, nothing is changed.
 *
 * Pools of earlier versions have neither. There a process proves by trying that it could set the
 * attribute, and gives them both. */
#pragma once

#include "pool.h"

/**
 * rl_pool_mark_check:
 * True if this process sees the attributes in @pool, and they are those that belong to it. Else
 * false with RL_ERROR_STATE and what to do: the process lacks CAP_SYS_ADMIN, or the pool is a copy
 * that was made without attributes; or with an errno. Changes nothing.
 */
bool rl_pool_mark_check(const RlPool *pool, GError **error);

/**
 * rl_pool_mark_require:
 * As rl_pool_mark_check(), for everything that changes a volume. Also gives the pool what it lacks
 * of its mark; where that cannot be written it is tried again the next time.
 *
 * Steps, and what a crash after each leaves: the attribute, durably (a pool that is taken for
 * proven); the marker.
 */
bool rl_pool_mark_require(const RlPool *pool, GError **error);

/**
 * rl_pool_mark_make:
 * Gives the directory @root, which is about to get a marker, its attribute, durably: the one it has
 * if @written (may be NULL), which the marker had so far, does not contradict that, else a new one.
 * Returns it, owned by the caller; NULL with an errno.
 */
char *rl_pool_mark_make(int root, const char *written, GError **error);
