/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the worker does after a run that wrote a few blocks of a fragmented image: it makes the next
 * precache of the revision that it prunes. By turns with a volume whose revisions are of no use for
 * that, so that it clones the whole image and removes them. What the file system does for either
 * behind the callers' backs is in it. */
#include "run.h"

#include "common/base/autofd.h"
#include "common/operation/maintenance.h"

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Of the time that cloning takes. */
#define BAR_XFS 0.3
#define BAR_BTRFS 0.4

typedef struct {
    EngineRun run;
    int extents, blocks;
    bool clones;
    int turn; /* each run writes to other places */
    Times *times;
} Worker;

/* No attribute that we do not know is taken over from one image to the next. */
static void
write_blocks(Worker *worker)
{
    g_autofree char *dirty = g_strconcat(worker->run.name, "-dirty.img", NULL);
    rl_autofd int fd = openat(worker->run.pool->root, dirty, O_RDWR | O_CLOEXEC);
    char block[4 * KIB];

    must(fd);
    memset(block, 'a' + worker->turn % 26, sizeof(block));
    for (int i = 0; i < worker->blocks; i++) {
        long at = (long) i * worker->extents / worker->blocks + worker->turn * 7 % 50;
        must(pwrite(fd, block, sizeof(block), (off_t) at * 8 * (off_t) KIB));
    }
    if (worker->clones)
        must(fsetxattr(fd, "user.bench", "1", 1, 0));
    worker->turn++;
}

static void
work(void *data)
{
    Worker *worker = data;
    const EngineRun *run = &worker->run;
    g_autoptr(GError) error = NULL;

    engine_start(run);
    write_blocks(worker);
    engine_stop(run);
    settle(run->pool->root);
    Lap lap = lap_begin();
    if (!rl_volume_maintain(run->pool, run->name, true, &error))
        g_error("%s", error->message);
    settle(run->pool->root);
    /* The first has no revision to prune, and the second one that no domain has run on. */
    if (worker->turn > 2)
        times_add(worker->times, lap_end(&lap).ms);
}

static Worker
worker_new(const Bench *bench, const RlPool *pool, const char *name, int blocks)
{
    return (Worker){.run = {.pool = pool, .name = name, .write = true, .cost = cost_new()},
                    .extents = bench->extents,
                    .blocks = blocks,
                    .clones = strstr(name, "cloned") != NULL,
                    .times = times_new()};
}

static void
worker_clear(Worker *worker)
{
    cost_clear(&worker->run.cost);
    g_array_unref(worker->times);
}

void
bench_worker(const Bench *bench)
{
    static const int blocks[] = {1, 50, 1000};
    g_autoptr(RlPool) pool = make_pool(bench);
    uint64_t size = (uint64_t) bench->extents * 8 * KIB;
    g_autofree char *title =
        g_strdup_printf("the worker after a run, a volume of %d extents", bench->extents);

    make_volume(pool, "bench/remade", size, bench->extents);
    make_volume(pool, "bench/cloned", size, bench->extents);
    table_begin(bench, title, "remade", "cloned");
    for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
        Worker ours = worker_new(bench, pool, "bench/remade", blocks[i]);
        Worker floor = worker_new(bench, pool, "bench/cloned", blocks[i]);
        g_autofree char *what = g_strdup_printf("%d blocks written", blocks[i]);
        take_turns(bench->quick ? 5 : 9, work, &ours, work, &floor);
        table_row(what, ours.times, floor.times,
                  strcmp(bench->fs, "xfs") == 0 ? BAR_XFS : BAR_BTRFS);
        worker_clear(&ours);
        worker_clear(&floor);
    }
}
