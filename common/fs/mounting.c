/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mounting.h"

#include <glib.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

/* The directory is named by the block device. Owned by the caller. */
static char *
directory_by_device(const char *type, dev_t dev)
{
    g_autofree char *link = g_strdup_printf("/sys/dev/block/%u:%u", major(dev), minor(dev));
    g_autofree char *device = g_file_read_link(link, NULL);
    g_autofree char *name = device ? g_path_get_basename(device) : NULL;

    return name ? g_build_filename("/sys/fs", type, name, NULL) : NULL;
}

/* The directory is named by the UUID: a file's device number is its subvolume's. */
static char *
directory_by_uuid(int fd)
{
    struct btrfs_ioctl_fs_info_args info = {0};
    GString *path = g_string_new("/sys/fs/btrfs/");

    if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0) {
        g_string_free(path, TRUE);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(info.fsid); i++)
        g_string_append_printf(path, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
                               info.fsid[i]);
    return g_string_free(path, FALSE);
}

char *
rl_mounting_directory(int fd)
{
    struct statfs fs;
    struct stat st;

    if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
        return NULL;
    switch ((unsigned long) fs.f_type) {
    case XFS_SUPER_MAGIC:
        return directory_by_device("xfs", st.st_dev);
    case EXT4_SUPER_MAGIC:
        return directory_by_device("ext4", st.st_dev);
    case BTRFS_SUPER_MAGIC:
        return directory_by_uuid(fd);
    default:
        return NULL;
    }
}

uint64_t
rl_mounting_id(int fd)
{
    g_autofree char *directory = rl_mounting_directory(fd);
    struct stat st;

    return directory && stat(directory, &st) == 0 ? st.st_ino : 0;
}
