/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The floor: what a program that knows nothing but the file names has to do at least. */
#include "run.h"

#include "common/base/autofd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#define CLEAN "bare.img"
#define DIRTY "bare-dirty.img"
#define PRECACHE "bare-precache.img"

#define ATTR(key) "trusted.libvirt-reflink-bench." key
/* As long as the engine's. */
#define RUN_TEXT_SIZE 160
#define ID_TEXT "00112233445566778899aabbccddeeff"

static void
set_attr(int fd, const char *key, const char *text)
{
    must(fsetxattr(fd, key, text, strlen(text), 0));
}

void
bare_start(const BareRun *run)
{
    rl_autofd int dir = open_dir(run->path);

    if (run->calls == CALLS_SAME) {
        char text[RUN_TEXT_SIZE] = "";
        rl_autofd int fd = openat(dir, PRECACHE, O_RDONLY | O_CLOEXEC);
        must(fd);
        memset(text, 'r', sizeof(text) - 1);
        set_attr(fd, ATTR("run"), text);
    }
    must(renameat(dir, PRECACHE, dir, DIRTY));
    must(fsync(dir));
}

static void
bare_commit(BareRun *run, int dir)
{
    char revision[64];
    rl_autofd int fd = openat(dir, DIRTY, O_RDONLY | O_CLOEXEC);

    must(fd);
    must(fsync(fd));
    if (run->calls == CALLS_SAME) {
        set_attr(fd, ATTR("id"), ID_TEXT);
        set_attr(fd, ATTR("highest"), "1234");
        set_attr(fd, ATTR("highest-of"), "1234567 1700000000.123456789 1700000000123456");
        must(fremovexattr(fd, ATTR("run")));
        must(fremovexattr(fd, ATTR("base")));
        must(fsync(fd));
    }
    snprintf(revision, sizeof(revision), CLEAN ".%d", ++run->revision);
    must(linkat(dir, CLEAN, dir, revision, 0));
    must(renameat(dir, DIRTY, dir, CLEAN));
    must(fsync(dir));
}

static void
bare_put_back(const BareRun *run, int dir)
{
    rl_autofd int fd = openat(dir, DIRTY, O_RDONLY | O_CLOEXEC);

    must(fd);
    must(fsync(fd));
    if (run->calls == CALLS_SAME)
        must(fremovexattr(fd, ATTR("run")));
    must(renameat(dir, DIRTY, dir, PRECACHE));
    must(fsync(dir));
}

void
bare_stop(BareRun *run)
{
    rl_autofd int dir = open_dir(run->path);

    if (run->write)
        bare_commit(run, dir);
    else
        bare_put_back(run, dir);
}

static void
make_precache(int dir)
{
    char self[64];
    rl_autofd int from = openat(dir, CLEAN, O_RDONLY | O_CLOEXEC);
    rl_autofd int to = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    must(from);
    must(to);
    must(ioctl(to, FICLONE, from));
    set_attr(to, ATTR("base"), ID_TEXT);
    set_attr(to, ATTR("base-date"), "1048576 1700000000.123456789");
    must(fsync(to));
    snprintf(self, sizeof(self), "/proc/self/fd/%d", to);
    must(linkat(AT_FDCWD, self, dir, PRECACHE, AT_SYMLINK_FOLLOW));
}

/* The worker's part: keeps one revision, and makes the next precache. */
static void
bare_after(const BareRun *run, int dir)
{
    char old[64];

    snprintf(old, sizeof(old), CLEAN ".%d", run->revision - 1);
    if (unlinkat(dir, old, 0) < 0 && errno != ENOENT)
        g_error("%s: %s", old, g_strerror(errno));
    make_precache(dir);
}

void
bare_run(void *data)
{
    BareRun *run = data;
    rl_autofd int dir = open_dir(run->path);
    Lap lap = lap_begin();

    bare_start(run);
    Took started = lap_end(&lap);
    if (run->write)
        write_block(dir, DIRTY);
    lap = lap_begin();
    bare_stop(run);
    cost_add(&run->cost, started, lap_end(&lap));
    if (run->write)
        bare_after(run, dir);
}

BareRun
bare_new(const Bench *bench, const char *name, Calls calls, bool write)
{
    BareRun run = {
        .path = g_build_filename(bench->dir, name, NULL), .calls = calls, .write = write};

    run.cost = cost_new();
    must(g_mkdir_with_parents(run.path, 0755));
    rl_autofd int dir = open_dir(run.path);
    rl_autofd int fd = openat(dir, CLEAN, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd);
    fill_image(fd, 100 * MIB, 1);
    make_precache(dir);
    return run;
}

void
bare_clear(BareRun *run)
{
    cost_clear(&run->cost);
    g_free(run->path);
}
