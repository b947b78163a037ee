/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read-ahead.h"

#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "saved-memory.h"

#define PIPE "pipe:["

/* How much there is in the pipe @fd, to which nobody writes any more; 0 otherwise. */
static int
complete_size(int fd)
{
    struct pollfd state = {.fd = fd, .events = POLLIN};
    int size = 0;

    if (poll(&state, 1, 0) != 1 || !(state.revents & POLLHUP) || ioctl(fd, FIONREAD, &size) < 0)
        return 0;
    return size;
}

/* The bytes stay in the pipe @fd as well. */
static bool
copy(int fd, int size, int file)
{
    int ends[2], room = fcntl(fd, F_GETPIPE_SZ);

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    rl_autofd int from = ends[0], into = ends[1];
    if (fcntl(into, F_SETPIPE_SZ, room) < room ||
        tee(fd, into, (size_t) size, SPLICE_F_NONBLOCK) != size)
        return false;
    for (ssize_t left = size, n; left > 0; left -= n)
        if ((n = splice(from, NULL, file, NULL, (size_t) left, SPLICE_F_NONBLOCK)) <= 0)
            return false;
    return true;
}

/* Of what is in the pipe @path, if that is complete. */
static char *
digest_of(const char *path)
{
    rl_autofd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    rl_autofd int file = memfd_create("memory", MFD_CLOEXEC);
    int size = fd < 0 ? 0 : complete_size(fd);

    if (size == 0 || file < 0 || !copy(fd, size, file))
        return NULL;
    g_autoptr(RlMemory) memory = rl_memory_read(file, NULL, 0);
    return g_steal_pointer(&memory->digest);
}

/* Its reading end: the other one can be opened for reading as well. */
static bool
is_read(const char *link)
{
    struct stat st;

    return lstat(link, &st) == 0 && (st.st_mode & S_IRUSR) && !(st.st_mode & S_IWUSR);
}

char *
rl_read_ahead_digest(int pid)
{
    g_autofree char *dir = g_strdup_printf("/proc/%d/fd", pid), *found = NULL;
    g_autoptr(GDir) numbers = g_dir_open(dir, 0, NULL);
    const char *number;

    while (numbers && (number = g_dir_read_name(numbers))) {
        g_autofree char *link = g_build_filename(dir, number, NULL);
        g_autofree char *target = g_file_read_link(link, NULL);
        if (!target || !g_str_has_prefix(target, PIPE) || !is_read(link))
            continue;
        char *digest = digest_of(link);
        if (digest && found) {
            g_free(digest);
            return NULL;
        }
        if (digest)
            found = digest;
    }
    return g_steal_pointer(&found);
}
