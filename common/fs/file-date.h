/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the date of a file can tell. File systems date files by the tick of a clock, and some keep
 * whole seconds only (ext4 with inodes of 128 bytes). */
#pragma once

#include <stdbool.h>
#include <time.h>

/**
 * rl_date_grain:
 * How coarse the dates of a file system may be that gave a file the date @date, in nanoseconds: the
 * largest power of ten that divides its part of a second, at least one tick of the kernel's clock
 * (10 ms at most); for a whole second two seconds, which is the coarsest there is (FAT). Asks
 * nothing of the file system: a date by chance costs a little patience.
 */
long long rl_date_grain(const struct timespec *date);

/**
 * rl_date_may_recur:
 * True if a file that is written to at @now or later may get the date @date, as far as the clock
 * goes forward: @date is at most one grain before @now, or in the future.
 */
bool rl_date_may_recur(const struct timespec *date, const struct timespec *now);

/**
 * rl_date_is_whole:
 * True for a whole second. Programs that put back a date after they have read a file (cpio -a) cut
 * it so, and so do those that unpack one: what is written meanwhile does not show.
 */
bool rl_date_is_whole(const struct timespec *date);
