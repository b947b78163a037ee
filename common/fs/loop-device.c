/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop-device.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "dir-iter.h"
#include "dirfd.h"
#include "file-error.h"

#define DEVICES "/sys/block"

/* The file that a device is to be found by. */
typedef struct {
    char *path, *name; /* that it has now */
    struct stat st;
} Image;

/* What sysfs says of a device that is bound to nothing, or is going; and of one whose file's path
 * is longer than any of ours. */
static bool
is_on_no_file(const GError *error)
{
    return rl_error_is_errno(error, ENOENT) || rl_error_is_errno(error, ENODEV) ||
           rl_error_is_errno(error, ENAMETOOLONG);
}

/* What the device itself says when it was taken off its file a moment ago. */
static bool
was_taken_off(const GError *error)
{
    return rl_error_is_errno(error, ENXIO);
}

/* The path of the file that the loop device @name is bound to, as sysfs tells it; owned by the
 * caller. To ask the device itself would wait for whatever file system the file lies on, which may
 * not answer at all. */
static char *
read_backing_file(const char *name, GError **error)
{
    g_autofree char *attribute = g_strdup_printf(DEVICES "/%s/loop/backing_file", name);
    rl_autofd int fd = open(attribute, O_RDONLY | O_CLOEXEC);
    size_t length;

    if (fd < 0) {
        rl_fail_errno(error, errno, "cannot open '%s'", attribute);
        return NULL;
    }
    char *path = rl_dirfd_read_opened(fd, attribute, PATH_MAX, &length, error);
    return path ? g_strchomp(path) : NULL;
}

/* Opens the loop device @name and asks what it is on. */
static int
open_and_ask(const char *name, struct loop_info64 *ret_info, GError **error)
{
    g_autofree char *path = g_strdup_printf("/dev/%s", name);
    rl_autofd int device = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (device < 0 || ioctl(device, LOOP_GET_STATUS64, ret_info) < 0) {
        rl_fail_errno(error, errno,
                      "cannot set the size of the loop device '%s' to that of its image", path);
        return -1;
    }
    return rl_fd_steal(&device);
}

/* Tells the loop device @name, if it is on @image. */
static bool
update_device(const char *name, const Image *image, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *bound = read_backing_file(name, &cause);
    g_autofree char *base = bound ? g_path_get_basename(bound) : NULL;
    struct loop_info64 info;

    if (is_on_no_file(cause) || (base && strcmp(base, image->name) != 0))
        return true;
    rl_autofd int device = base ? open_and_ask(name, &info, &cause) : -1;
    /* A file of the same name may lie on a file system that is broken: not our concern. */
    if (base && device < 0 && strcmp(bound, image->path) != 0)
        return true;
    if (device < 0) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (info.lo_inode != image->st.st_ino || info.lo_device != image->st.st_dev)
        return true;
    return ioctl(device, LOOP_SET_CAPACITY, 0) == 0 ||
           rl_fail_errno(error, errno,
                         "cannot set the size of the loop device '/dev/%s' to that of its image",
                         name);
}

static bool
update_devices(const Image *image, GError **error)
{
    rl_autofd int dir = open(DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(RlDirIter) entries = NULL;
    g_autoptr(GError) first = NULL;
    const char *name;

    if (dir < 0)
        return errno == ENOENT || /* no sysfs, no loop devices */
               rl_fail_errno(error, errno, "cannot search loop devices in '" DEVICES "'");
    entries = rl_dir_iter_open(dir, error);
    if (!entries)
        return false;
    while ((name = rl_dir_iter_next(entries))) {
        g_autoptr(GError) cause = NULL;
        if (g_str_has_prefix(name, "loop") && !update_device(name, image, &cause) &&
            !was_taken_off(cause) && !first)
            first = g_steal_pointer(&cause);
    }
    if (!first)
        return rl_dir_iter_are_all(entries, error);
    g_propagate_error(error, g_steal_pointer(&first));
    return false;
}

static void
image_clear(Image *image)
{
    g_free(image->path);
    g_free(image->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Image, image_clear)

static bool
look_at_image(int fd, Image *image, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    char path[PATH_MAX] = "";

    if (fstat(fd, &image->st) < 0 || readlink(self, path, sizeof(path) - 1) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    image->path = g_strdup(path);
    image->name = g_path_get_basename(path);
    return true;
}

bool
rl_loop_update_size(int fd, GError **error)
{
    g_auto(Image) image = {0};

    return look_at_image(fd, &image, error) && update_devices(&image, error);
}

/* Is the loop device @name on @image, and can it be written to? */
static bool
writes_to(const char *name, const Image *image)
{
    g_autofree char *bound = read_backing_file(name, NULL);
    g_autofree char *base = bound ? g_path_get_basename(bound) : NULL;
    struct loop_info64 info;

    if (g_strcmp0(base, image->name) != 0)
        return false;
    rl_autofd int device = open_and_ask(name, &info, NULL);
    return device >= 0 && info.lo_inode == image->st.st_ino && info.lo_device == image->st.st_dev &&
           !(info.lo_flags & LO_FLAGS_READ_ONLY);
}

char *
rl_loop_find_writer(int fd)
{
    rl_autofd int dir = open(DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(RlDirIter) entries = dir < 0 ? NULL : rl_dir_iter_open(dir, NULL);
    g_auto(Image) image = {0};
    const char *name;

    if (!look_at_image(fd, &image, NULL))
        return NULL;
    while (entries && (name = rl_dir_iter_next(entries)))
        if (g_str_has_prefix(name, "loop") && writes_to(name, &image))
            return g_strdup_printf("/dev/%s", name);
    return NULL;
}
