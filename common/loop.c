/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "error.h"
#include "fd.h"

/* Is the loop device @name bound to a file whose name is now @file? To ask the device itself would
 * wait for whatever file system the file lies on, which may not answer at all. */
static bool
may_be_on(const char *name, const char *file)
{
    g_autofree char *attribute = g_strdup_printf("/sys/block/%s/loop/backing_file", name);
    g_autofree char *bound = NULL;

    if (!g_file_get_contents(attribute, &bound, NULL, NULL))
        return false;
    g_autofree char *base = g_path_get_basename(g_strchomp(bound));
    return strcmp(base, file) == 0;
}

/* Opens the loop device @name if it is one, and bound to the file of @st, called @file; else
 * returns -1. */
static int
open_loop_on(const char *name, const char *file, const struct stat *st)
{
    struct loop_info64 info;

    if (!may_be_on(name, file))
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
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *path = g_file_read_link(self, NULL);
    g_autofree char *file = path ? g_path_get_basename(path) : NULL;
    g_autoptr(GDir) devices = g_dir_open("/sys/block", 0, NULL);

    if (fstat(fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot look at an image");
    if (!devices || !file)
        return true; /* no sysfs, no loop devices */

    int failure = 0;
    const char *name, *failed = NULL;
    while ((name = g_dir_read_name(devices))) {
        if (!g_str_has_prefix(name, "loop"))
            continue;
        rl_autofd int device = open_loop_on(name, file, &st);
        if (device >= 0 && ioctl(device, LOOP_SET_CAPACITY, 0) < 0 && !failure) {
            failure = errno;
            failed = name;
        }
    }
    if (failure)
        return rl_fail_errno(error, failure, "/dev/%s does not take the new size", failed);
    return true;
}
