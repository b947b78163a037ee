/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cost against what it may depend on: the points of docs/performance.svg (plot.py). */
#include "run.h"

#include "common/base/autofd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define ROUNDS 5

typedef struct {
    EngineRun run;
    uint64_t bytes; /* that each run writes */
    Times *floor;
} Point;

static Point
point_new(const RlPool *pool, const char *name, uint64_t bytes)
{
    Point point = {.run = {.pool = pool, .name = name, .write = true}, .bytes = bytes};

    point.run.cost = cost_new();
    point.floor = times_new();
    return point;
}

static void
point_clear(Point *point)
{
    cost_clear(&point->run.cost);
    g_array_unref(point->floor);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Point, point_clear)

static void
write_bytes(int fd, uint64_t bytes)
{
    static unsigned char byte;
    g_autofree char *data = g_malloc(MIN(bytes, MIB));

    memset(data, 1 + byte++ % 255, MIN(bytes, MIB));
    for (uint64_t at = 0; at < bytes; at += MIB)
        must(pwrite(fd, data, MIN(bytes - at, MIB), (off_t) at));
}

static void
run_once(Point *point)
{
    EngineRun *run = &point->run;
    g_autofree char *dirty = g_strconcat(run->name, "-dirty.img", NULL);

    settle(run->pool->root);
    Took started = engine_start(run);
    {
        rl_autofd int fd = openat(run->pool->root, dirty, O_WRONLY | O_CLOEXEC);
        must(fd);
        write_bytes(fd, point->bytes);
    }
    cost_add(&run->cost, started, engine_stop(run));
    engine_maintain(run);
}

/* A bare clone of the whole image. */
static void
clone_once(Point *point)
{
    g_autofree char *image = g_strconcat(point->run.name, ".img", NULL);
    rl_autofd int from = openat(point->run.pool->root, image, O_RDONLY | O_CLOEXEC);
    rl_autofd int to = openat(point->run.pool->root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    must(from);
    must(to);
    settle(to);
    Lap lap = lap_begin();
    must(ioctl(to, FICLONE, from));
    times_add(point->floor, lap_end(&lap).ms);
}

/* A bare fsync of as many bytes. */
static void
fsync_once(Point *point)
{
    rl_autofd int fd = openat(point->run.pool->root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    must(fd);
    settle(fd);
    write_bytes(fd, point->bytes);
    Lap lap = lap_begin();
    must(fsync(fd));
    times_add(point->floor, lap_end(&lap).ms);
}

static void
row(const char *what, uint64_t x, const Times *ours, const Times *floor)
{
    g_autofree char *name = g_strdup_printf("%s at %" G_GUINT64_FORMAT, what, x);

    table_row(name, ours, floor, NO_BAR);
}

static void
measure(const RlPool *pool, const char *name, uint64_t bytes, uint64_t x, void (*bare)(Point *))
{
    g_auto(Point) point = point_new(pool, name, bytes);

    for (int i = 0; i < ROUNDS; i++) {
        run_once(&point);
        bare(&point);
    }
    row("start", x, point.run.cost.start, point.floor);
    row("stop", x, point.run.cost.stop, point.floor);
    row("worker", x, point.run.cost.after, point.floor);
}

void
bench_curves(const Bench *bench)
{
    g_autoptr(RlPool) pool = make_pool(bench);

    table_begin(bench, "curve of extents, 4 KiB written", "engine", "bare FICLONE");
    for (int extents = 1; extents <= (bench->quick ? 1000 : 100000); extents *= 10) {
        g_autofree char *name = g_strdup_printf("extents/e%d", extents);
        make_volume(pool, name, (uint64_t) extents * 8 * KIB, extents);
        measure(pool, name, 4 * KIB, (uint64_t) extents, clone_once);
    }
    table_begin(bench, "curve of bytes written", "engine", "bare fsync");
    make_volume(pool, "bytes/b", 256 * MIB, 1);
    for (uint64_t bytes = 4 * KIB; bytes <= (bench->quick ? 4 : 256) * MIB; bytes *= 4)
        measure(pool, "bytes/b", bytes, bytes, fsync_once);
    bench_scan_curve(bench);
}
