/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images and pools for the benchmark. */
#include "bench.h"

#include "common/base/autofd.h"
#include "common/operation/maintenance.h"
#include "common/operation/pool-build.h"
#include "common/operation/staged-image.h"
#include "xml/documents.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#define BLOCK (4 * KIB)

void
must_not_fail(bool failed, const char *call)
{
    if (failed)
        g_error("%s: %s", call, g_strerror(errno));
}

int
open_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    must(fd);
    return fd;
}

/* What a guest might do: one block, at the image's start. */
void
write_block(int dir, const char *name)
{
    static unsigned char byte;
    char block[BLOCK];
    rl_autofd int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

    must(fd);
    memset(block, 1 + byte++ % 255, sizeof(block));
    must(pwrite(fd, block, sizeof(block), 0));
}

/* The date of an image that was committed a while ago. Only then, and if it is not a whole second,
 * which a copy may have given it, can a run be seen to have written nothing without a look at the
 * extents. */
void
set_old(int dir, const char *name)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = time(NULL) - 3600, .tv_nsec = 123456789}};

    must(utimensat(dir, name, times, 0));
}

/* Gives the empty file @fd @extents extents of a block, with a hole after each, and @size bytes. */
void
fill_image(int fd, uint64_t size, int extents)
{
    char block[BLOCK];

    memset(block, 'd', sizeof(block));
    for (int i = 0; i < extents; i++)
        must(pwrite(fd, block, sizeof(block), (off_t) i * 2 * (off_t) BLOCK));
    must(ftruncate(fd, (off_t) size));
    must(fsync(fd));
}

int
count_extents(int fd)
{
    struct fiemap map = {.fm_length = FIEMAP_MAX_OFFSET, .fm_flags = FIEMAP_FLAG_SYNC};

    must(ioctl(fd, FS_IOC_FIEMAP, &map));
    return (int) map.fm_mapped_extents;
}

void
flush(int fd)
{
    must(syncfs(fd));
}

/* Only a freeze waits for all that a file system does behind the callers' backs: XFS frees removed
 * files and writes its log's contents back, whatever syncfs(2) says. */
void
settle(int fd)
{
    sigset_t all, before;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    must(ioctl(fd, FIFREEZE, 0));
    must(ioctl(fd, FITHAW, 0));
    sigprocmask(SIG_SETMASK, &before, NULL);
}

RlPool *
make_pool(const Bench *bench)
{
    g_autoptr(RlOptions) options = rl_options_new();
    g_autofree char *path = g_build_filename(bench->dir, "pool", NULL);
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};
    g_autoptr(GError) error = NULL;

    if (!rl_pool_build(path, options, &access, rl_xml_documents(), &error))
        g_error("%s", error->message);
    RlPool *pool = rl_pool_open(path, rl_xml_documents(), &error);
    if (!pool)
        g_error("%s", error->message);
    return pool;
}

/* A stopped persistent volume, committed a while ago, with its precache. */
void
make_volume(const RlPool *pool, const char *name, uint64_t size, int extents)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(GError) error = NULL;
    RlPool *own = rl_pool_open(pool->path, rl_xml_documents(), &error);
    g_autoptr(RlStagedImage) draft = own ? rl_staged_new(own, name, &access, &error) : NULL;

    if (!draft)
        g_error("%s", error->message);
    fill_image(draft->fd, size, extents);
    if (count_extents(draft->fd) < extents)
        g_error("%s has %d extents only", name, count_extents(draft->fd));
    if (!rl_staged_create(draft, NULL, size, &error))
        g_error("%s", error->message);

    g_autofree char *image = g_strconcat(name, ".img", NULL);
    set_old(pool->root, image);
    if (!rl_volume_maintain(pool, name, false, &error))
        g_error("%s", error->message);
}
