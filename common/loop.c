/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "error.h"
#include "fd.h"

/* Opens the loop device @name if it is one, and bound to the file of @st; else returns -1. */
static int
open_loop_on(const char *name, const struct stat *st)
{
    struct loop_info64 info;
    g_autofree char *bound = g_strdup_printf("/sys/block/%s/loop/backing_file", name);

    /* Opening an unbound /dev/loopN would be harmless but slow: there may be hundreds. */
    if (access(bound, F_OK) < 0)
        return -1;

    g_autofree char *path = g_strdup_printf("/dev/%s", name);
    rl_autofd int device = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (device < 0 || ioctl(device, LOOP_GET_STATUS64, &info) < 0)
        return -1;
    if (info.lo_inode != st->st_ino || info.lo_device != st->st_dev)
        return -1;
    return rl_fd_steal(&device);
}

bool
rl_loop_update_size(int fd, GError **error)
{
    struct stat st;
    g_autoptr(GDir) devices = g_dir_open("/sys/block", 0, NULL);

    if (fstat(fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot look at an image");
    if (!devices)
        return true; /* no sysfs, no loop devices */

    int failure = 0;
    const char *name, *failed = NULL;
    while ((name = g_dir_read_name(devices))) {
        if (!g_str_has_prefix(name, "loop"))
            continue;
        rl_autofd int device = open_loop_on(name, &st);
        if (device >= 0 && ioctl(device, LOOP_SET_CAPACITY, 0) < 0 && !failure) {
            failure = errno;
            failed = name;
        }
    }
    if (failure)
        return rl_fail_errno(error, failure, "/dev/%s does not take the new size", failed);
    return true;
}
