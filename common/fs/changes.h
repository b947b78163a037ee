/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where one file differs from an earlier state of it: by their extents where those can be compared
 * (extents.h), by their bytes where not. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/progress.h"

/**
 * RlChangesRange:
 * Called for each range, in bytes and in order. Ranges may touch. Returns false with @error to end
 * the search.
 */
typedef bool (*RlChangesRange)(uint64_t start, uint64_t length, void *data, GError **error);

/**
 * RlChangesBytes:
 * The same, with @bytes, borrowed, that the later file has there.
 */
typedef bool (*RlChangesBytes)(uint64_t start, uint64_t length, const char *bytes, void *data,
                               GError **error);

typedef struct {
    bool exact;      /* compare the bytes of what extents call different: whole blocks of 4 KiB */
    bool by_extents; /* read no bytes: RL_ERROR_UNSUPPORTED where extents cannot be compared */
    RlChangesRange range;
    RlChangesBytes bytes; /* with @exact: called in place of @range, so that it need not read them
                             again; may be NULL */
    void *data;
    RlProgress progress; /* of the bytes that are compared, nothing of which is moved */
} RlChangesWish;

/**
 * rl_changes_add_up:
 * An RlChangesRange that adds the length of each range to the uint64_t at @data.
 */
bool rl_changes_add_up(uint64_t start, uint64_t length, void *data, GError **error);

/**
 * rl_changes_find:
 * Calls @wish->range for all ranges of the regular file @to in which it may differ from @from, as
 * if @from had the size of @to: behind its end it has zeros. What is not called for is equal.
 * *@ret_by_bytes says whether the bytes of all were compared, since extents cannot be: then it
 * takes time with the size of the data, else with the number of extents and, if @wish->exact, the
 * size of what changed. Both files have to stay as they are meanwhile. The same memory for all
 * sizes. False with an errno, or the error of @wish->range.
 */
bool rl_changes_find(int from, int to, const RlChangesWish *wish, bool *ret_by_bytes,
                     GError **error);
