/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Has a pool's file system enough space for commits? */
#pragma once

#include "pool.h"

/**
 * rl_free_space_look:
 * Says in *@ret_low whether less of the file system of @pool is free than its options say
 * (warn_free). *@ret_text is "1.5 GiB of 20.0 GiB are free", owned by the caller. False with an
 * errno.
 */
bool rl_free_space_look(const RlPool *pool, bool *ret_low, char **ret_text, GError **error);

/**
 * rl_free_space_warn:
 * Writes a warning to the log where the space is low.
 */
void rl_free_space_warn(const RlPool *pool);
