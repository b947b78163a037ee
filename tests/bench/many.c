/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many domains started at once, each by a thread of its own, against bare system calls in as many
 * threads, and against the same starts one after the other. */
#include "run.h"

#include <pthread.h>

#define DOMAINS 64
/* What is done at once must not wait for each other. */
#define BAR 1.0

typedef struct {
    EngineRun engine[DOMAINS];
    BareRun bare[DOMAINS];
    char *names[DOMAINS];
    Times *at_once, *bare_at_once, *in_turn, *bare_in_turn;
} Many;

typedef void (*Start)(Many *many, int i);

static void
start_engine(Many *many, int i)
{
    engine_start(&many->engine[i]);
}

static void
start_bare(Many *many, int i)
{
    bare_start(&many->bare[i]);
}

typedef struct {
    Many *many;
    Start start;
    int i;
    pthread_barrier_t *gate;
} Task;

static void *
run_task(void *data)
{
    Task *task = data;

    pthread_barrier_wait(task->gate);
    task->start(task->many, task->i);
    return NULL;
}

/* The threads wait for each other, so that making them does not count. */
static double
start_at_once(Many *many, Start start)
{
    pthread_barrier_t gate;
    GThread *threads[DOMAINS];
    Task tasks[DOMAINS];

    pthread_barrier_init(&gate, NULL, DOMAINS + 1);
    for (int i = 0; i < DOMAINS; i++) {
        tasks[i] = (Task){many, start, i, &gate};
        threads[i] = g_thread_new("start", run_task, &tasks[i]);
    }
    Lap lap = lap_begin();
    pthread_barrier_wait(&gate);
    for (int i = 0; i < DOMAINS; i++)
        g_thread_join(threads[i]);
    Took took = lap_end(&lap);
    pthread_barrier_destroy(&gate);
    return took.ms;
}

static double
start_in_turn(Many *many, Start start)
{
    Lap lap = lap_begin();

    for (int i = 0; i < DOMAINS; i++)
        start(many, i);
    return lap_end(&lap).ms;
}

static void
stop_all(Many *many, bool engine)
{
    for (int i = 0; i < DOMAINS; i++) {
        if (engine)
            engine_stop(&many->engine[i]);
        else
            bare_stop(&many->bare[i]);
    }
}

static void
engine_turn(void *data)
{
    Many *many = data;

    times_add(many->at_once, start_at_once(many, start_engine));
    stop_all(many, true);
    times_add(many->in_turn, start_in_turn(many, start_engine));
    stop_all(many, true);
}

static void
bare_turn(void *data)
{
    Many *many = data;

    times_add(many->bare_at_once, start_at_once(many, start_bare));
    stop_all(many, false);
    times_add(many->bare_in_turn, start_in_turn(many, start_bare));
    stop_all(many, false);
}

void
bench_many(const Bench *bench)
{
    g_autoptr(RlPool) pool = make_pool(bench);
    g_autofree Many *many = g_new0(Many, 1);

    many->at_once = times_new();
    many->bare_at_once = times_new();
    many->in_turn = times_new();
    many->bare_in_turn = times_new();
    for (int i = 0; i < DOMAINS; i++) {
        g_autofree char *name = g_strdup_printf("bare%d", i);
        many->names[i] = g_strdup_printf("vm%d/root", i);
        make_volume(pool, many->names[i], MIB, 1);
        many->engine[i] = (EngineRun){.pool = pool, .name = many->names[i]};
        many->bare[i] = bare_new(bench, name, CALLS_SAME, false);
    }
    settle(pool->root);
    take_turns(bench->quick ? 5 : 21, engine_turn, many, bare_turn, many);

    table_begin(bench, "64 starts", "engine", "same calls");
    table_row("at once", many->at_once, many->bare_at_once, NO_BAR);
    table_row("one after the other", many->in_turn, many->bare_in_turn, NO_BAR);
    table_begin(bench, "the same", "at once", "in turn");
    table_row("engine", many->at_once, many->in_turn, BAR);
    table_row("same calls", many->bare_at_once, many->bare_in_turn, NO_BAR);

    for (int i = 0; i < DOMAINS; i++) {
        bare_clear(&many->bare[i]);
        g_free(many->names[i]);
    }
    g_array_unref(many->at_once);
    g_array_unref(many->bare_at_once);
    g_array_unref(many->in_turn);
    g_array_unref(many->bare_in_turn);
}
