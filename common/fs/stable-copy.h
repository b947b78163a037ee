/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A copy takes time. Where somebody may write to what is copied, as a running domain does, it can
 * come to a state that the original never had. */
#pragma once

#include <sys/stat.h>

#include "sparse-copy.h"

/**
 * rl_stable_copy:
 * As rl_sparse_copy(), but true only if nobody wrote to @from while it was copied. If somebody does
 * it begins anew, and after a few times gives up with RL_ERROR_BUSY. The dates of a file tell, also
 * where they are coarse: it waits until a write has to have another one, two seconds at most. Those
 * of a block device do not, so of that it is as rl_sparse_copy().
 */
bool rl_stable_copy(int from, int to, const RlCopyWatch *waiting, GError **error);

/**
 * rl_stable_begin:
 * Looks at the file @fd, and waits until a write to it has to get another date than it has in
 * *@ret_before, two seconds at most. False with an errno.
 */
bool rl_stable_begin(int fd, struct stat *ret_before, GError **error);

/**
 * rl_stable_is_same:
 * True if nobody wrote to @fd since rl_stable_begin() gave @before, as far as size and date tell.
 * That it got another name, owner or attribute is no write.
 */
bool rl_stable_is_same(int fd, const struct stat *before);
