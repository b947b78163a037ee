/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far a command has got, for a person who waits: a line on stderr, if that is a terminal, from
 * the second second on. */
#pragma once

#include "cli.h"
#include "common/base/progress.h"

struct RlProgressBar {
    bool wanted, shown;
    gint64 began_us, shown_us; /* by the monotonic clock; began_us: 0 before the first report */
    uint64_t at;               /* of the last report: one that goes back begins anew */
};

/**
 * rl_progress_bar_begin:
 * Begins @bar, for @call. Returns what the operation is to report to, which must not outlive @bar.
 */
RlProgress rl_progress_bar_begin(RlProgressBar *bar, const RlCall *call);

/**
 * rl_progress_bar_end:
 * Takes the line away.
 */
void rl_progress_bar_end(RlProgressBar *bar);
