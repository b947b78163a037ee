/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "header-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/base/autofd.h"
#include "common/base/paths.h"
#include "common/fs/lease.h"
#include "common/fs/loop-device.h"
#include "common/fs/shared-fs.h"
#include "linked-image.h"

/* Linux gives a device that it uses itself to no second one that wants it alone: open(2), O_EXCL.
 * So it is with a whole disk and its partitions. */
static const char *
why_not_device(const char *path)
{
    rl_autofd int fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

    return fd < 0 && errno == EBUSY ? "a block device that the host uses itself" : NULL;
}

static bool
is_ours(const char *path)
{
    g_autofree char *real = realpath(path, NULL), *own = realpath(RL_LOCK_DIR, NULL);

    return real && own && g_str_has_prefix(real, own) && real[strlen(own)] == '/';
}

/* No lease tells of the other hosts of a shared file system, nor is there one on each of them. */
static bool
is_written(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0 || !rl_shared_fs_name((uint64_t) fs.f_type))
        return rl_lease_has_writer(fd);
    g_autofree char *device = rl_loop_find_writer(fd);
    return device != NULL;
}

static const char *
why_not_file(const char *path, const struct stat *st)
{
    struct stat opened;

    if (is_ours(path))
        return "a file of libvirt-reflink";
    rl_autofd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &opened) < 0 || opened.st_dev != st->st_dev ||
        opened.st_ino != st->st_ino)
        return "which cannot be examined";
    return is_written(fd) ? "which a process or a loop device has open for writing" : NULL;
}

const char *
rl_header_file_doubt(const char *path, const RlDiskPlace *place, RlDoubtfulSource source)
{
    struct stat st;
    bool linked;

    if (place->marker)
        return "the marker of a reflink pool";
    if (!rl_linked_image_look(path, &linked, NULL))
        return "which cannot be compared with the images of reflink pools";
    if (linked)
        return "an image of a reflink pool by another name";
    if (place->root)
        return "which lies in a reflink pool";
    if (stat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? NULL : "which cannot be examined";
    if (S_ISREG(st.st_mode))
        return why_not_file(path, &st);
    return source == RL_DOUBTFUL_SAVE && S_ISBLK(st.st_mode) ? why_not_device(path)
                                                             : "which is not a regular file";
}
