/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fallback where nothing can be shared: a copy that keeps holes and makes new ones. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "common/base/progress.h"

/* Says whether a copy that takes long is to go on; called with what its asker gave along. */
typedef bool (*RlGoOn)(void *data);

/* Who waits for a copy. */
typedef struct {
    RlGoOn go_on; /* asked for each piece; NULL: it always goes on */
    void *data;   /* for go_on */
    RlProgress progress;
} RlCopyWatch;

/**
 * rl_sparse_copy:
 * Copies all of @from (a regular file or block device) to the empty regular file @to. Holes are
 * never read; blocks of zeros become holes. @to is not fsynced. @watch may be NULL. Fails with
 * ECANCELED when it says no, with EINVAL for what is neither a file nor a block device, else with
 * the errno; then @to holds a part.
 */
bool rl_sparse_copy(int from, int to, const RlCopyWatch *watch, GError **error);
