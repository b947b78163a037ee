/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keep-rules.h"

/* In the year 9999, the last one that GLib has, whatever the time zone. */
#define LATEST G_GINT64_CONSTANT(253402128000)

/* Is it the first of its @period? Then one less of these is left to keep. */
static bool
is_first(int *left, gint64 *last, gint64 period)
{
    bool first = *left > 0 && *last != period;

    if (!first)
        return false;
    (*left)--;
    *last = period;
    return true;
}

/* A device model can date its image as it likes: with a year that no calendar has, too. */
static GDateTime *
date_of(gint64 when)
{
    return g_date_time_new_from_unix_local(CLAMP(when, 0, LATEST));
}

bool
rl_retention_keeps(RlRetentionWalk *walk, gint64 when)
{
    g_autoptr(GDateTime) date = date_of(when);

    /* Numbers of the calendar, so that days with 23 or 25 hours are days. */
    gint64 day = g_date_time_get_year(date) * 1000 + g_date_time_get_day_of_year(date);
    gint64 hour = day * 100 + g_date_time_get_hour(date);
    gint64 week =
        g_date_time_get_week_numbering_year(date) * 100 + g_date_time_get_week_of_year(date);
    bool newest = walk->left.newest > 0;

    if (newest)
        walk->left.newest--;
    bool hourly = is_first(&walk->left.hourly, &walk->hour, hour);
    bool daily = is_first(&walk->left.daily, &walk->day, day);
    bool weekly = is_first(&walk->left.weekly, &walk->week, week);
    return newest || hourly || daily || weekly;
}
