/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run.h"

#include "common/maintain.h"
#include "common/start.h"
#include "common/stop.h"

static const RlOwner owner = {"qemu", "11111111-1111-4111-8111-111111111111", "bench"};

Cost
cost_new(void)
{
    return (Cost){times_new(), times_new(), times_new(), times_new(), 0, 0};
}

void
cost_clear(Cost *cost)
{
    g_array_unref(cost->start);
    g_array_unref(cost->stop);
    g_array_unref(cost->both);
    g_array_unref(cost->after);
}

static void
start(EngineRun *run)
{
    g_autoptr(GError) error = NULL;
    Lap lap = lap_begin();
    g_autoptr(RlStarted) started = rl_volume_start(run->pool, run->name, &owner, 0, &error);

    if (!started)
        g_error("%s", error->message);
    run->cost.start_fsyncs = lap_end(&lap, run->cost.start);
}

static void
stop(EngineRun *run)
{
    g_autoptr(GError) error = NULL;
    RlStop how;
    Lap lap = lap_begin();

    if (!rl_volume_stop(run->pool, run->name, &owner, &how, &error))
        g_error("%s", error->message);
    run->cost.stop_fsyncs = lap_end(&lap, run->cost.stop);
    if (how != (run->write ? RL_STOP_COMMITTED : RL_STOP_UNWRITTEN))
        g_error("the stop of %s came to %d", run->name, (int) how);
}

static void
maintain(EngineRun *run)
{
    g_autoptr(GError) error = NULL;
    Lap lap = lap_begin();

    if (!rl_volume_maintain(run->pool, run->name, run->write, &error))
        g_error("%s", error->message);
    lap_end(&lap, run->cost.after);
}

static double
last(const Times *times)
{
    return g_array_index(times, double, times->len - 1);
}

void
engine_run(void *data)
{
    EngineRun *run = data;
    g_autofree char *dirty = g_strconcat(run->name, "-dirty.img", NULL);

    if (run->settle)
        settle(run->pool->root);
    start(run);
    if (run->write)
        write_block(run->pool->root, dirty);
    stop(run);
    times_add(run->cost.both, last(run->cost.start) + last(run->cost.stop));
    maintain(run);
}
