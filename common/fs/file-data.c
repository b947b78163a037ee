/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file-data.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "file-error.h"

bool
rl_full_read(int fd, void *buffer, size_t size, uint64_t offset, GError **error)
{
    char *at = buffer;

    while (size > 0) {
        ssize_t n = pread(fd, at, size, (off_t) offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rl_fail_file(error, errno, fd, "cannot read");
        if (n == 0) {
            memset(at, 0, size);
            return true;
        }
        at += n;
        size -= (size_t) n;
        offset += (uint64_t) n;
    }
    return true;
}

bool
rl_full_write(int fd, const void *data, size_t size, uint64_t offset, GError **error)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n = pwrite(fd, at, size, (off_t) offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rl_fail_file(error, errno, fd, "cannot write");
        at += n;
        size -= (size_t) n;
        offset += (uint64_t) n;
    }
    return true;
}

uint64_t
rl_next_data(int fd, uint64_t offset)
{
    off_t at = lseek(fd, (off_t) offset, SEEK_DATA);

    if (at < 0)
        return errno == ENXIO ? UINT64_MAX : offset;
    return (uint64_t) at;
}

uint64_t
rl_next_hole(int fd, uint64_t offset)
{
    off_t at = lseek(fd, (off_t) offset, SEEK_HOLE);

    return at < 0 ? UINT64_MAX : (uint64_t) at;
}
