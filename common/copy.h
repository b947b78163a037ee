/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fallback where nothing can be shared: a copy that keeps holes and makes new ones. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_copy_sparse:
 * Copies all of @from (a regular file or block device) to the empty regular file @to. Holes are
 * never read; blocks of zeros become holes. @to is not fsynced. Fails with the errno; then @to
 * holds a part.
 */
bool rl_copy_sparse(int from, int to, GError **error);

/* Says whether a copy that takes long is to go on; called for each piece of it. */
typedef bool (*RlGoOn)(void *data);

/**
 * rl_copy_sparse_while:
 * As rl_copy_sparse(), but fails with ECANCELED when @go_on, called with @data, says no.
 */
bool rl_copy_sparse_while(int from, int to, RlGoOn go_on, void *data, GError **error);
