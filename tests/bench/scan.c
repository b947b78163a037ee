/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool's refresh, as far as it is the engine's, against a bare walk over the same tree. */
#include "bench.h"

#include "common/base/autofd.h"
#include "common/pool/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BAR 3.0

typedef struct {
    const RlPool *pool;
    int volumes, entries; /* as they were found */
    Times *times;
} Walk;

static void
scan(void *data)
{
    Walk *walk = data;
    g_autoptr(GError) error = NULL;
    Lap lap = lap_begin();
    GPtrArray *listed = rl_scan(walk->pool, &error);

    if (!listed)
        g_error("%s", error->message);
    times_add(walk->times, lap_end(&lap).ms);
    walk->volumes = (int) listed->len;
    g_ptr_array_unref(listed);
}

static void
walk_directory(Walk *walk, int fd)
{
    DIR *stream = fdopendir(fd);
    const struct dirent *entry;
    struct statx st;

    g_assert_nonnull(stream);
    while ((entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        must(statx(fd, entry->d_name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st));
        walk->entries++;
        if (S_ISDIR(st.stx_mode)) {
            int below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            must(below);
            walk_directory(walk, below);
        }
    }
    closedir(stream);
}

static void
walk_bare(void *data)
{
    Walk *walk = data;
    Lap lap = lap_begin();
    int root = open_dir(walk->pool->path);

    walk->entries = 0;
    walk_directory(walk, root);
    times_add(walk->times, lap_end(&lap).ms);
}

static void
make_file(int dir, const char *name, const char *text)
{
    rl_autofd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    must(fd);
    if (text)
        must(write(fd, text, strlen(text)));
    else
        must(ftruncate(fd, (off_t) MIB));
}

/* Two volumes of a domain, as Qubes has them: one that is kept, with its precache and a revision,
 * and one that begins anew from a template each time, or (without @records) is kept as well. */
static void
make_domain(const RlPool *pool, int number, bool records)
{
    g_autofree char *path = g_strdup_printf("%s/appvms/vm%d", pool->path, number);
    g_autoptr(RlRecord) snapshot = rl_record_new(RL_KIND_SNAPSHOT, "vm-templates/t/root", 0);
    g_autofree char *text = pool->documents->record_format(snapshot, "root");

    must(g_mkdir_with_parents(path, 0755));
    rl_autofd int dir = open_dir(path);
    make_file(dir, "private.img", NULL);
    make_file(dir, "private-precache.img", NULL);
    make_file(dir, "private.img.7@2026-01-02T03:04:05Z", NULL);
    make_file(dir, "root-precache.img", NULL);
    if (records)
        make_file(dir, "root.volume.xml", text);
    else
        make_file(dir, "root.img", NULL);
}

static void
compare(const Bench *bench, bool records, const char *kinds, double bar)
{
    g_autofree char *dir = g_build_filename(bench->dir, records ? "records" : "plain", NULL);
    Bench here = *bench;
    here.dir = dir;
    g_autoptr(RlPool) pool = make_pool(&here);
    g_autoptr(Times) ours = times_new(), floor = times_new();
    Walk engine = {.pool = pool, .times = ours}, bare = {.pool = pool, .times = floor};
    g_autofree char *what = g_strdup_printf("%d volumes, %s", bench->volumes, kinds);

    for (int i = 0; i < bench->volumes / 2; i++)
        make_domain(pool, i, records);
    settle(pool->root);
    take_turns(bench->quick ? 7 : 21, scan, &engine, walk_bare, &bare);
    if (engine.volumes != bench->volumes)
        g_error("%d volumes were found, not %d", engine.volumes, bench->volumes);
    table_row(what, ours, floor, bar);
}

void
bench_scan(const Bench *bench)
{
    table_begin(bench, "the scan of a pool", "rl_scan", "readdir+statx");
    compare(bench, false, "all of them kept", BAR);
    compare(bench, true, "half of them snapshots", BAR);
}

void
bench_scan_curve(const Bench *bench)
{
    table_begin(bench, "curve of volumes, half of them snapshots", "rl_scan", "readdir+statx");
    for (int volumes = 10; volumes <= (bench->quick ? 1000 : 10000); volumes *= 10) {
        Bench here = *bench;
        g_autofree char *dir = g_strdup_printf("%s/%d", bench->dir, volumes);
        here.dir = dir;
        here.volumes = volumes;
        compare(&here, true, "in all", NO_BAR);
    }
}
