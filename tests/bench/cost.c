/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run.h"

Cost
cost_new(void)
{
    return (Cost){times_new(), times_new(), times_new(), times_new(), times_new(), 0, 0};
}

void
cost_add(Cost *cost, Took start, Took stop)
{
    times_add(cost->start, start.ms);
    times_add(cost->stop, stop.ms);
    times_add(cost->both, start.ms + stop.ms);
    times_add(cost->outside, start.outside_ms + stop.outside_ms);
    cost->start_fsyncs = start.fsyncs;
    cost->stop_fsyncs = stop.fsyncs;
}

void
cost_clear(Cost *cost)
{
    g_array_unref(cost->start);
    g_array_unref(cost->stop);
    g_array_unref(cost->both);
    g_array_unref(cost->outside);
    g_array_unref(cost->after);
}
