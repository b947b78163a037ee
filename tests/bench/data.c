/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What diff and send take, against reading the maps of both images, a conversion of the whole image
 * and a sparse copy to the same reader. */
#include "bench.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/changes.h"
#include "common/fs/extent-map.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define BAR_DIFF 1.3
#define BAR_INCREMENT (1 / 20.0)
#define BAR_FULL (1 / 0.9)

/* Of an image of 8 GiB, in 100,000 extents; without --full of an eighth of it. */
#define PIECE (80 * KIB)
#define PIECES_FULL 100000
#define PIECES (PIECES_FULL / 8)
#define CHANGE (64 * KIB)

typedef struct {
    const int *fds; /* of both images */
    uint64_t size;
    Times *times;
} Maps;

static bool
ignore(uint64_t start, uint64_t length, void *data, GError **error)
{
    (void) start;
    (void) length;
    (void) data;
    (void) error;
    return true;
}

static void
diff(void *data)
{
    const Maps *maps = data;
    const RlChangesWish wish = {.range = ignore};
    g_autoptr(GError) error = NULL;
    bool by_bytes;
    Lap lap = lap_begin();

    if (!rl_changes_find(maps->fds[0], maps->fds[1], &wish, &by_bytes, &error) || by_bytes)
        g_error("%s", error ? error->message : "extents were not compared");
    times_add(maps->times, lap_end(&lap).ms);
}

static void
read_maps(void *data)
{
    const Maps *maps = data;
    g_autofree RlExtentMap *map = g_new(RlExtentMap, 1);
    g_autoptr(GError) error = NULL;
    Lap lap = lap_begin();

    for (int i = 0; i < 2; i++)
        for (uint64_t start = 0, end; start < maps->size; start = end) {
            end = maps->size;
            if (!rl_extent_map_read(maps->fds[i], start, &end, map, &error))
                g_error("%s", error->message);
        }
    times_add(maps->times, lap_end(&lap).ms);
}

typedef struct {
    char *line;      /* for the shell */
    Times *times;    /* of the processor, for all programs of the line */
    Times *by_clock; /* until the last of them has ended */
} Line;

static double
children_ms(void)
{
    struct rusage used;

    must(getrusage(RUSAGE_CHILDREN, &used));
    return (double) (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
           (double) (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

static void
run_line(void *data)
{
    const Line *line = data;
    char *argv[] = {(char *) "bash", (char *) "-ec", line->line, NULL};
    g_autoptr(GError) error = NULL;
    double before_ms = children_ms();
    Lap lap = lap_begin();
    int status;

    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                      &error) ||
        !g_spawn_check_wait_status(status, &error))
        g_error("%s: %s", line->line, error->message);
    times_add(line->times, children_ms() - before_ms);
    times_add(line->by_clock, lap_end(&lap).ms);
}

/* Takes over the lines. */
static void
compare_lines(const Bench *bench, const char *what, char *ours, char *floor, double bar)
{
    g_autoptr(Times) times = times_new(), by_clock = times_new();
    g_autoptr(Times) floor_times = times_new(), floor_by_clock = times_new();
    g_autofree char *what_by_clock = g_strconcat(what, " (clock)", NULL);
    Line a = {ours, times, by_clock}, b = {floor, floor_times, floor_by_clock};

    take_turns(bench->quick ? 3 : 9, run_line, &a, run_line, &b);
    table_row(what, times, floor_times, bar);
    table_row(what_by_clock, by_clock, floor_by_clock, bar);
    g_free(ours);
    g_free(floor);
}

/* Pieces that do not lie behind each other, of random bytes: nothing is zero, or the same. */
static void
fill(int fd, uint64_t pieces)
{
    g_autofree guint32 *bytes = g_malloc(PIECE);

    must(ftruncate(fd, (off_t) (pieces * PIECE)));
    for (size_t i = 0; i < PIECE / sizeof(guint32); i++)
        bytes[i] = g_random_int();
    for (uint64_t turn = 0; turn < 2; turn++) {
        for (uint64_t i = turn; i < pieces; i += 2) {
            bytes[0] = (guint32) i;
            must(pwrite(fd, bytes, PIECE, (off_t) (i * PIECE)));
        }
        must(fsync(fd));
    }
}

static void
change(int fd, uint64_t size)
{
    g_autofree guint32 *bytes = g_malloc(CHANGE);

    for (size_t i = 0; i < CHANGE / sizeof(guint32); i++)
        bytes[i] = g_random_int();
    for (uint64_t i = 0; i < size / 100 / CHANGE; i++)
        must(pwrite(fd, bytes, CHANGE, (off_t) (i * 100 * CHANGE)));
    must(fsync(fd));
}

static void
compare_maps(const Bench *bench, const int *fds, uint64_t size)
{
    g_autoptr(Times) ours = times_new(), floor = times_new();
    Maps a = {fds, size, ours}, b = {fds, size, floor};

    take_turns(bench->quick ? 5 : 21, diff, &a, read_maps, &b);
    table_begin(bench, "two states, 1 % changed", "diff", "both maps");
    table_row("diff", ours, floor, BAR_DIFF);
}

void
bench_data(const Bench *bench)
{
    g_autoptr(RlPool) pool = make_pool(bench);
    const char *path = pool->path;
    uint64_t pieces = bench->full ? PIECES_FULL : PIECES;

    must(mkdirat(pool->root, "bench", 0755));
    rl_autofd int old = openat(pool->root, "bench/old.img", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    rl_autofd int new = openat(pool->root, "bench/new.img", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(old);
    must(new);
    fill(old, pieces);
    must(ioctl(new, FICLONE, old));
    change(new, pieces * PIECE);
    settle(old);
    const int fds[2] = {old, new};
    compare_maps(bench, fds, pieces * PIECE);
    rl_fd_close(&old);
    rl_fd_close(&new); /* whoever can write to an image makes that be refused */

    table_begin(bench, "its data, to a pipe's reader; processor's time", "send", "other");
    compare_lines(
        bench, "what changed; qemu-img convert",
        g_strdup_printf(COMMAND " send --from bench/old '%s' bench/new | cat >/dev/null", path),
        g_strdup_printf("qemu-img convert -f raw -O raw '%s/bench/new.img' '%s/converted'; "
                        "rm '%s/converted'",
                        path, bench->dir, bench->dir),
        BAR_INCREMENT);
    compare_lines(
        bench, "what changed; rsync --inplace",
        g_strdup_printf(COMMAND " send --from bench/old '%s' bench/new | cat >/dev/null", path),
        g_strdup_printf("cp --reflink=always '%s/bench/old.img' '%s/copied'; rsync --inplace "
                        "--no-whole-file '%s/bench/new.img' '%s/copied'; rm '%s/copied'",
                        path, path, path, path, path),
        BAR_INCREMENT);
    compare_lines(
        bench, "all; cp --sparse=always",
        g_strdup_printf(COMMAND " send '%s' bench/new | cat >/dev/null", path),
        g_strdup_printf("cp --sparse=always '%s/bench/new.img' /dev/stdout | cat >/dev/null", path),
        BAR_FULL);
}
