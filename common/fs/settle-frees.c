/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settle-frees.h"

#include <linux/magic.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

/* XFS_IOC_FREE_EOFBLOCKS (xfs/xfs_fs.h), whose header need not be installed. */
typedef struct {
    uint32_t version, flags;
    uint32_t uid, gid, project, pad;
    uint64_t min_file_size;
    uint64_t reserved[12];
} FreeBlocks;

#define FREE_EOFBLOCKS _IOR('X', 58, FreeBlocks)
#define VERSION 1
#define FLAG_SYNC (1 << 0)
#define FLAG_MIN_FILE_SIZE (1 << 4)

void
rl_settle_frees(int fd)
{
    /* It frees what files that are open have ready behind their end, and then waits for what is
     * being freed anyway (xfs_blockgc_free_space()). Only the second is wanted: no file is so
     * large. */
    FreeBlocks wish = {
        .version = VERSION, .flags = FLAG_SYNC | FLAG_MIN_FILE_SIZE, .min_file_size = INT64_MAX};
    struct statfs fs;

    if (fstatfs(fd, &fs) == 0 && fs.f_type == XFS_SUPER_MAGIC)
        ioctl(fd, FREE_EOFBLOCKS, &wish);
}
