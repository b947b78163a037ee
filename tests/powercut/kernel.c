/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel writes out what it likes when it likes, also between two steps of one operation. A
 * linker's --wrap puts these before the system calls of the engine, so that it does so at many
 * places, and at the same ones for the same seed. */
#include "story.h"

#include "common/base/autofd.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int mount_fd = -1;
static guint one_write_in;
static GRand *rand_of_kernel;
static GMutex lock; /* the thread of an upload makes system calls, too */

void
story_set_kernel(const char *mount_point, guint one_in, guint32 seed)
{
    rl_fd_close(&mount_fd);
    g_clear_pointer(&rand_of_kernel, g_rand_free);
    one_write_in = one_in;
    if (!one_in)
        return;
    rand_of_kernel = g_rand_new_with_seed(seed);
    mount_fd = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(mount_fd, >=, 0);
}

/* To its last place, not only to a journal. */
static int
write_in_place(void)
{
    return ioctl(mount_fd, FIFREEZE, 0) < 0 ? -1 : ioctl(mount_fd, FITHAW, 0);
}

/* Writes out all there is, or only @fd: a directory that somebody else works in, too, or an image.
 */
static void
kernel_may_write(int fd)
{
    g_mutex_lock(&lock);
    if (one_write_in && g_rand_int_range(rand_of_kernel, 0, (gint32) one_write_in) == 0) {
        int way = g_rand_int_range(rand_of_kernel, 0, 5);
        int result = way < 2 ? syncfs(mount_fd) : way < 4 ? fsync(fd) : write_in_place();
        g_assert_cmpint(result, ==, 0);
    }
    g_mutex_unlock(&lock);
}

#define WRAP(function, parameters, fd, arguments) \
    int __real_##function parameters;             \
    int __wrap_##function parameters;             \
    int __wrap_##function parameters              \
    {                                             \
        kernel_may_write(fd);                     \
        return __real_##function arguments;       \
    }

WRAP(linkat, (int from, const char *a, int to, const char *b, int flags), to,
     (from, a, to, b, flags))
WRAP(symlinkat, (const char *target, int dir, const char *name), dir, (target, dir, name))
WRAP(renameat, (int from, const char *a, int to, const char *b), to, (from, a, to, b))
WRAP(renameat2, (int from, const char *a, int to, const char *b, unsigned flags), to,
     (from, a, to, b, flags))
WRAP(unlinkat, (int dir, const char *name, int flags), dir, (dir, name, flags))
WRAP(mkdirat, (int dir, const char *name, mode_t mode), dir, (dir, name, mode))
WRAP(fsetxattr, (int fd, const char *key, const void *value, size_t size, int flags), fd,
     (fd, key, value, size, flags))
WRAP(fremovexattr, (int fd, const char *key), fd, (fd, key))
WRAP(ftruncate64, (int fd, off_t size), fd, (fd, size))
