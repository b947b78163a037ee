/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A copy takes time. Where somebody may write to what is copied, as a running domain does, it can
 * come to a state that the original never had. */
#pragma once

#include "sparse-copy.h"

/**
 * rl_stable_copy:
 * As rl_sparse_copy(), but true only if nobody wrote to @from while it was copied. If somebody does
 * it begins anew, and after a few times gives up with RL_ERROR_BUSY. The dates of a file tell, also
 * where they are coarse: it waits until a write has to have another one, two seconds at most. Those
 * of a block device do not, so of that it is as rl_sparse_copy().
 */
bool rl_stable_copy(int from, int to, RlGoOn go_on, void *data, GError **error);
