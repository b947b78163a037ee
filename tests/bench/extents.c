/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Start and stop of a fragmented volume, against one of a single extent, and what a FICLONE of the
 * fragmented image costs, which must not stand between the user and either. */
#include "run.h"

#include "common/base/autofd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define BAR 2.0

/* Each run of a volume is followed by one that begins at once after the worker: it pays what that
 * left the file system to do. */
typedef struct {
    EngineRun settled, at_once;
} Volume;

static void
run_twice(void *data)
{
    Volume *volume = data;

    engine_run(&volume->settled);
    engine_run(&volume->at_once);
}

static Volume
volume_new(const RlPool *pool, const char *name, bool write)
{
    EngineRun run = {.pool = pool, .name = name, .write = write, .settle = true};
    Volume volume = {.settled = run, .at_once = run};

    volume.at_once.settle = false;
    volume.settled.cost = cost_new();
    volume.at_once.cost = cost_new();
    return volume;
}

static void
volume_clear(Volume *volume)
{
    cost_clear(&volume->settled.cost);
    cost_clear(&volume->at_once.cost);
}

static void
clone_bare(const RlPool *pool, const char *image, int rounds, Times *times)
{
    rl_autofd int from = openat(pool->root, image, O_RDONLY | O_CLOEXEC);

    must(from);
    for (int i = 0; i < rounds; i++) {
        rl_autofd int to = openat(pool->root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        must(to);
        settle(to);
        Lap lap = lap_begin();
        must(ioctl(to, FICLONE, from));
        times_add(times, lap_end(&lap).ms);
    }
}

static void
show_pair(const EngineRun *many, const EngineRun *one, const char *start, const char *stop)
{
    table_row(start, many->cost.start, one->cost.start, BAR);
    table_row(stop, many->cost.stop, one->cost.stop, BAR);
}

static void
compare(const Bench *bench, const RlPool *pool, bool write, const Times *clone)
{
    Volume many = volume_new(pool, "bench/many", write);
    Volume one = volume_new(pool, "bench/one", write);
    g_autofree char *title =
        g_strdup_printf("a volume of %d extents, %s", bench->extents,
                        write ? "4 KiB written in each run" : "nothing written");

    take_turns(bench->quick ? 3 : 9, run_twice, &many, run_twice, &one);
    table_begin(bench, title, "fragmented", "one extent");
    show_pair(&many.settled, &one.settled, "start", "stop");
    show_pair(&many.at_once, &one.at_once, "start, at once after the worker", "stop of that");
    if (write) {
        table_begin(bench, "the worker's part, which nobody waits for", "worker", "bare FICLONE");
        table_row("after a stop", many.settled.cost.after, clone, NO_BAR);
    }
    volume_clear(&many);
    volume_clear(&one);
}

void
bench_extents(const Bench *bench)
{
    g_autoptr(RlPool) pool = make_pool(bench);
    uint64_t size = (uint64_t) bench->extents * 8 * KIB;
    g_autoptr(Times) clone = times_new();

    make_volume(pool, "bench/many", size, bench->extents);
    make_volume(pool, "bench/one", size, 1);
    clone_bare(pool, "bench/many.img", bench->quick ? 3 : 5, clone);
    compare(bench, pool, false, clone);
    compare(bench, pool, true, clone);
}
