/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Start and stop of one persistent volume with a valid precache, against bare system calls. */
#include "run.h"

#define BAR 1.10

static void
compare(const Bench *bench, const RlPool *pool, bool write, BareRun *bare, EngineRun *engine)
{
    int rounds = bench->quick ? 21 : 101;
    const char *name = write ? "bench/written" : "bench/unwritten";

    make_volume(pool, name, 100 * MIB, 1);
    *engine = (EngineRun){.pool = pool, .name = name, .write = write, .cost = cost_new()};
    settle(pool->root);
    take_turns(rounds, engine_run, engine, bare_run, bare);
}

/* The bar is for the pair: a start or stop alone is shown for whoever looks for a cause. */
static void
show(const EngineRun *engine, const BareRun *bare, const char *start, const char *stop)
{
    table_row(start, engine->cost.start, bare->cost.start, NO_BAR);
    table_row(stop, engine->cost.stop, bare->cost.stop, NO_BAR);
    table_row("start + stop", engine->cost.both, bare->cost.both, BAR);
    table_row("outside of fsync(2)", engine->cost.outside, bare->cost.outside, NO_BAR);
}

void
bench_cycle(const Bench *bench)
{
    g_autoptr(RlPool) pool = make_pool(bench);
    BareRun same = bare_new(bench, "same", CALLS_SAME, true);
    BareRun least = bare_new(bench, "least", CALLS_LEAST, true);
    EngineRun engine, again;

    compare(bench, pool, true, &same, &engine);
    table_begin(bench, "a run that writes 4 KiB", "engine", "same calls");
    show(&engine, &same, "start, with a precache", "stop, a commit");
    table_count("fsyncs of a start", engine.cost.start_fsyncs, 1);
    table_count("fsyncs of a commit", engine.cost.stop_fsyncs, 3);

    again = engine;
    again.cost = cost_new();
    take_turns(bench->quick ? 21 : 101, engine_run, &again, bare_run, &least);
    table_begin(bench, "the same, without attributes and 2nd fsync", "engine", "least calls");
    table_row("start + stop", again.cost.both, least.cost.both, NO_BAR);

    cost_clear(&engine.cost);
    cost_clear(&again.cost);
    bare_clear(&same);
    bare_clear(&least);
}

void
bench_unwritten(const Bench *bench)
{
    g_autoptr(RlPool) pool = make_pool(bench);
    BareRun bare = bare_new(bench, "bare", CALLS_SAME, false);
    EngineRun engine;

    compare(bench, pool, false, &bare, &engine);
    table_begin(bench, "a run that writes nothing", "engine", "same calls");
    show(&engine, &bare, "start, with a precache", "stop, back to the precache");
    cost_clear(&engine.cost);
    bare_clear(&bare);
}
