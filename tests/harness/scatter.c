/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "harness/scatter.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/file-data.h"
#include "common/fs/fragmentation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool
is_hole(int fd, uint64_t at)
{
    return rl_next_data(fd, at) >= at + SCATTER_BLOCK;
}

/* btrfs gives what is written later a later place, so that what is written from behind lies in no
 * two blocks as in the file. */
static bool
write_backwards(int fd, uint64_t start, uint64_t length, GError **error)
{
    char block[SCATTER_BLOCK];

    for (uint64_t at = start + length; at > start; at -= SCATTER_BLOCK) {
        uint64_t offset = at - SCATTER_BLOCK;
        if (is_hole(fd, offset))
            continue;
        if (!rl_full_read(fd, block, sizeof(block), offset, error) ||
            !rl_full_write(fd, block, sizeof(block), offset, error))
            return false;
        if (sync_file_range(fd, (off_t) offset, SCATTER_BLOCK,
                            SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                SYNC_FILE_RANGE_WAIT_AFTER) < 0)
            return rl_fail_errno(error, errno, "sync_file_range");
    }
    return true;
}

/* XFS puts what comes before a block before it on the disk. But it shares single blocks, and calls
 * them nobody else's when the other file is gone: they come out of one in which they lie the other
 * way round. */
static bool
share_backwards(int fd, uint64_t start, uint64_t length, GError **error)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *path = g_file_read_link(link, error);
    g_autofree char *dir = path ? g_path_get_dirname(path) : NULL;
    rl_autofd int other = dir ? open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    char block[SCATTER_BLOCK];

    if (other < 0)
        return rl_fail_errno(error, errno, "a file without a name");
    for (uint64_t at = start; at < start + length; at += SCATTER_BLOCK)
        if (!rl_full_read(fd, block, sizeof(block), at, error) ||
            !rl_full_write(other, block, sizeof(block), length - SCATTER_BLOCK - (at - start),
                           error))
            return false;
    for (uint64_t at = start; at < start + length; at += SCATTER_BLOCK) {
        struct file_clone_range wish = {.src_fd = other,
                                        .src_offset = length - SCATTER_BLOCK - (at - start),
                                        .src_length = SCATTER_BLOCK,
                                        .dest_offset = at};
        if (!is_hole(fd, at) && ioctl(fd, FICLONERANGE, &wish) < 0)
            return rl_fail_errno(error, errno, "FICLONERANGE");
    }
    return ftruncate(other, 0) == 0 || rl_fail_errno(error, errno, "ftruncate");
}

bool
scatter(int fd, uint64_t start, uint64_t length, GError **error)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return rl_fail_errno(error, errno, "statfs");
    bool done = true;
    if (fs.f_type == XFS_SUPER_MAGIC)
        done = share_backwards(fd, start, length, error);
    else if (fs.f_type == BTRFS_SUPER_MAGIC)
        done = write_backwards(fd, start, length, error);
    return done && (fsync(fd) == 0 || rl_fail_errno(error, errno, "fsync"));
}

uint64_t
scatter_count(int fd)
{
    RlFragmentation found;
    GError *error = NULL;

    g_assert_true(rl_fragmentation_get(fd, NULL, &found, &error));
    g_assert_no_error(error);
    return found.extents;
}
