/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The copy where nothing can be shared, against cp. */
#include "bench.h"

#include "common/base/autofd.h"
#include "common/fs/sparse-copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BAR 1.0
#define PIECE (128 * KIB)

typedef struct {
    char *from, *to;
    off_t blocks; /* that the copy took */
    Times *times;
} Copy;

static void
clear(Copy *copy)
{
    if (unlink(copy->to) < 0 && errno != ENOENT)
        g_error("%s: %s", copy->to, g_strerror(errno));
    rl_autofd int fd = open(copy->from, O_RDONLY | O_CLOEXEC);
    must(fd);
    flush(fd);
}

static void
count(Copy *copy)
{
    struct stat from, to;

    must(stat(copy->from, &from));
    must(stat(copy->to, &to));
    if (from.st_size != to.st_size)
        g_error("the copy of %s has another size", copy->from);
    rl_autofd int fd = open(copy->to, O_RDONLY | O_CLOEXEC);
    must(fd);
    flush(fd);
    must(fstat(fd, &to));
    copy->blocks = to.st_blocks;
}

static void
copy_engine(void *data)
{
    Copy *copy = data;
    g_autoptr(GError) error = NULL;

    clear(copy);
    Lap lap = lap_begin();
    {
        rl_autofd int from = open(copy->from, O_RDONLY | O_CLOEXEC);
        rl_autofd int to = open(copy->to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        must(from);
        must(to);
        if (!rl_sparse_copy(from, to, NULL, &error))
            g_error("%s", error->message);
    }
    times_add(copy->times, lap_end(&lap).ms);
    count(copy);
}

static void
copy_cp(void *data)
{
    Copy *copy = data;
    char *argv[] = {"cp", "--sparse=always", copy->from, copy->to, NULL};
    g_autoptr(GError) error = NULL;
    int status;

    clear(copy);
    Lap lap = lap_begin();
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                      &error) ||
        !g_spawn_check_wait_status(status, &error))
        g_error("%s", error->message);
    times_add(copy->times, lap_end(&lap).ms);
    count(copy);
}

/* Pieces of which every @every-th is data; the others are holes, or written zeros. */
static void
make_source(const char *path, uint64_t size, int every, bool zeros)
{
    g_autofree char *data = g_malloc(PIECE), *nothing = g_malloc0(PIECE);
    rl_autofd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    must(fd);
    memset(data, 'd', PIECE);
    must(ftruncate(fd, (off_t) size));
    for (uint64_t at = 0; at < size; at += PIECE) {
        bool is_data = at / PIECE % (uint64_t) every == 0;
        if (is_data || zeros)
            must(pwrite(fd, is_data ? data : nothing, PIECE, (off_t) at));
    }
}

static void
compare(const Bench *bench, const char *name, const char *what, uint64_t size, int every,
        bool zeros)
{
    g_autofree char *from = g_build_filename(bench->dir, name, NULL);
    g_autofree char *to_ours = g_strconcat(from, ".ours", NULL);
    g_autofree char *to_cp = g_strconcat(from, ".cp", NULL);
    g_autoptr(Times) ours = times_new(), floor = times_new();
    Copy engine = {from, to_ours, 0, ours}, cp = {from, to_cp, 0, floor};

    make_source(from, size, every, zeros);
    take_turns(bench->quick ? 5 : 21, copy_engine, &engine, copy_cp, &cp);
    if (engine.blocks > cp.blocks + cp.blocks / 50)
        g_error("%s: the copy takes more space than cp's", what);
    table_row(what, ours, floor, BAR);
    must(unlink(from));
    must(unlink(to_ours));
    must(unlink(to_cp));
}

void
bench_copy(const Bench *bench)
{
    uint64_t size = bench->quick ? 128 * MIB : 512 * MIB;

    table_begin(bench, "the copy where nothing can be shared", "rl_sparse_copy", "cp --sparse");
    compare(bench, "data", "all data", size, 1, false);
    compare(bench, "holes", "half data, half holes", size, 2, false);
    compare(bench, "zeros", "half data, half written zeros", size, 2, true);
    compare(bench, "empty", "nearly all holes", 16 * size, 512, false);
}
