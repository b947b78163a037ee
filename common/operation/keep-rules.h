/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of a volume's states are kept: the newest, and one for each of the last hours, days and
 * weeks that there is one of. */
#pragma once

#include "common/format/pool-options.h"

/* Goes through the states of one volume; begins with what is wanted, and zeros. */
typedef struct {
    RlRetention left;
    gint64 hour, day, week; /* of the last one that was kept for it */
} RlRetentionWalk;

/**
 * rl_retention_keeps:
 * True if the next older state, last written to at @when (seconds of the epoch), is kept: it is one
 * of the newest, or the newest of an hour, a day or a week (local time, from Monday) of which none
 * was kept yet and as many as are wanted. Of states whose times do not fall it keeps more, not
 * less. A time before 1970 or after 9999 counts as that year.
 */
bool rl_retention_keeps(RlRetentionWalk *walk, gint64 when);
