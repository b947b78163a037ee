/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "standstill.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "mounting.h"

/* Ten times what Linux 6.18 prints up to the line that is looked for, and all of what is printed by
 * a read of a file of sysfs. */
#define STATISTICS_MAX 4096

void
rl_standstill_open(int fd, RlStandstill *ret_standstill)
{
    struct statfs fs;

    *ret_standstill = (RlStandstill){.fd = -1};
    if (fstatfs(fd, &fs) < 0)
        return;
    ret_standstill->btrfs = fs.f_type == BTRFS_SUPER_MAGIC;
    if (ret_standstill->btrfs)
        ret_standstill->fd = fd;
    if (fs.f_type != XFS_SUPER_MAGIC)
        return;
    g_autofree char *directory = rl_mounting_directory(fd);
    g_autofree char *path = directory ? g_strconcat(directory, "/stats/stats", NULL) : NULL;
    ret_standstill->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

static bool
count_transactions(int fd, uint64_t *ret_count)
{
    char text[STATISTICS_MAX];
    ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
    unsigned int at_once, later;

    if (size <= 0)
        return false;
    text[size] = '\0';
    const char *line = strstr(text, "\ntrans ");
    if (!line || sscanf(line, " trans %u %u", &at_once, &later) != 2)
        return false;
    *ret_count = (uint64_t) at_once << 32 | later;
    return true;
}

static bool
read_generation(int fd, uint64_t *ret_count)
{
    struct btrfs_ioctl_fs_info_args info = {.flags = BTRFS_FS_INFO_FLAG_GENERATION};

    if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0 || !(info.flags & BTRFS_FS_INFO_FLAG_GENERATION))
        return false;
    *ret_count = info.generation;
    return true;
}

bool
rl_standstill_count(const RlStandstill *standstill, uint64_t *ret_count)
{
    if (standstill->fd < 0)
        return false;
    return standstill->btrfs ? read_generation(standstill->fd, ret_count)
                             : count_transactions(standstill->fd, ret_count);
}

void
rl_standstill_close(RlStandstill *standstill)
{
    if (!standstill->btrfs)
        rl_fd_close(&standstill->fd);
    standstill->fd = -1;
}
