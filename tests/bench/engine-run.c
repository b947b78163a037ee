/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run.h"

#include "common/operation/maintenance.h"
#include "common/operation/start.h"
#include "common/operation/stop.h"

static const RlDomainRef owner = {
    .driver = "qemu", .uuid = "11111111-1111-4111-8111-111111111111", .name = "bench"};

Took
engine_start(const EngineRun *run)
{
    g_autoptr(GError) error = NULL;
    Lap lap = lap_begin();
    g_autoptr(RlStarted) started = rl_volume_start(run->pool, run->name, &owner, 0, &error);
    Took took = lap_end(&lap);

    if (!started)
        g_error("%s", error->message);
    return took;
}

Took
engine_stop(const EngineRun *run)
{
    g_autoptr(GError) error = NULL;
    RlStop how;
    Lap lap = lap_begin();
    bool done = rl_volume_stop(run->pool, run->name, &owner, &how, &error);
    Took took = lap_end(&lap);

    if (!done)
        g_error("%s", error->message);
    if (how != (run->write ? RL_STOP_COMMITTED : RL_STOP_UNWRITTEN))
        g_error("the stop of %s came to %d", run->name, (int) how);
    return took;
}

void
engine_maintain(const EngineRun *run)
{
    g_autoptr(GError) error = NULL;
    Lap lap = lap_begin();

    if (!rl_volume_maintain(run->pool, run->name, run->write, &error))
        g_error("%s", error->message);
    times_add(run->cost.after, lap_end(&lap).ms);
}

void
engine_run(void *data)
{
    EngineRun *run = data;
    g_autofree char *dirty = g_strconcat(run->name, "-dirty.img", NULL);

    if (run->settle)
        settle(run->pool->root);

    Took started = engine_start(run);
    if (run->write)
        write_block(run->pool->root, dirty);
    cost_add(&run->cost, started, engine_stop(run));
    engine_maintain(run);
}
