/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is a file system still mounted as it was, or once more? What the kernel had of it in memory only,
 * as the times of a file whose data alone was made durable (fdatasync(2)), is lost in between. */
#pragma once

#include <stdint.h>

/**
 * rl_mounting_id:
 * Returns a number for the time that the file system of the file @fd has been mounted, through all
 * its mounts and in all mount namespaces; no other has the same in this boot of the host, nor this
 * one when it is mounted once more. 0 where that cannot be told: the file system is not XFS, ext4
 * or btrfs, or there is no sysfs.
 *
 * It is the inode number of the file system's directory in sysfs, which is made by mounting it:
 * kernfs counts them up (fs/kernfs/dir.c, idr_alloc_cyclic() and its high bits). The number of a
 * device, and that of a mount before Linux 6.8, are given again.
 */
uint64_t rl_mounting_id(int fd);

/**
 * rl_mounting_directory:
 * Returns the path of that directory, owned by the caller; NULL where it cannot be told.
 */
char *rl_mounting_directory(int fd);
