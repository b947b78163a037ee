/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file-date.h"

#define SECOND_NS 1000000000LL
/* The kernel's clock ticks 100 times a second or more often (CONFIG_HZ). */
#define TICK_NS (SECOND_NS / 100)
#define COARSEST_NS (2 * SECOND_NS)

long long
rl_date_grain(const struct timespec *date)
{
    long long grain = TICK_NS;

    if (rl_date_is_whole(date))
        return COARSEST_NS;
    while (grain < SECOND_NS && date->tv_nsec % (grain * 10) == 0)
        grain *= 10;
    return grain;
}

bool
rl_date_may_recur(const struct timespec *date, const struct timespec *now)
{
    /* First: dates may be further apart than can be counted. */
    if (date->tv_sec > now->tv_sec)
        return true;
    if (date->tv_sec < now->tv_sec - 2 * COARSEST_NS / SECOND_NS)
        return false;
    return (now->tv_sec - date->tv_sec) * SECOND_NS + now->tv_nsec - date->tv_nsec <=
           rl_date_grain(date);
}

bool
rl_date_is_whole(const struct timespec *date)
{
    return date->tv_nsec == 0;
}
