/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of the operation that is being swept, and what may be there after it was disturbed.
 */
#pragma once

#include "harness/operations.h"
#include "tracer.h"

typedef struct {
    const Operation *operation;
    char *prepared, *work, *pool;
    GArray *calls;               /* Call, of a run that nobody disturbs */
    char *old, *new, *tidied;    /* states: before, after, and after tidying up */
    uint64_t old_size, new_size; /* of the loop device, 0 where there is none */
    const char *only;            /* one point, or NULL */
    guint every;                 /* of so many points only one */
    guint first;                 /* which one: chosen by FAULT_SEED */
    guint seen;
    guint points, losses;
} Sweep;

/**
 * judge:
 * True if the state @now may be there after an attempt that came to @outcome, disturbed at @call.
 * Else false, saying in @error what it is.
 */
bool judge(const Sweep *sweep, const Call *call, const Outcome *outcome, const char *now,
           GError **error);

/**
 * judge_is_ended:
 * True if there was no space for the end of a run, and all is as it was, but that nobody runs: that
 * is noted elsewhere.
 */
bool judge_is_ended(const Sweep *sweep, const Outcome *outcome, const char *now);

/**
 * judge_is_in_doubt:
 * True if @call was to tell which boot of the host it is, dates are of no use without that, there
 * is nothing else (no blocks that are shared), and so the image was left to the next start.
 */
bool judge_is_in_doubt(const Sweep *sweep, const Call *call, const char *now);

/**
 * judge_device:
 * The same of the size that the loop device has now.
 */
bool judge_device(const Sweep *sweep, const Outcome *outcome, GError **error);

/**
 * judge_sync:
 * False if @fault, at @call, was an fsync(2) that failed, and @outcome is a success.
 */
bool judge_sync(const Sweep *sweep, const Call *call, const Fault *fault, const Outcome *outcome,
                GError **error);
