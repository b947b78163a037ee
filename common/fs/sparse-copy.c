/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sparse-copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "file-error.h"
#include "file-size-limit.h"

/* Large enough to keep a disk busy, small enough to stay in a processor core's cache. */
#define CHUNK_SIZE (256 * 1024)
/* What can become a hole: the block of the file systems we know. */
#define BLOCK_SIZE 4096

static bool
is_zero(const char *bytes, size_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static bool
write_range(int to, const char *bytes, size_t length, off_t offset, GError **error)
{
    while (length > 0) {
        ssize_t n = pwrite(to, bytes, length, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rl_fail_file(error, errno, to, "cannot write");
        bytes += n;
        length -= (size_t) n;
        offset += n;
    }
    return true;
}

/* Writes the runs of blocks in @bytes that are not all zeros. */
static bool
write_data(int to, const char *bytes, size_t length, off_t offset, GError **error)
{
    size_t at = 0;

    while (at < length) {
        size_t start = at;
        while (start < length && is_zero(bytes + start, MIN(BLOCK_SIZE, length - start)))
            start += MIN(BLOCK_SIZE, length - start);
        size_t end = start;
        while (end < length && !is_zero(bytes + end, MIN(BLOCK_SIZE, length - end)))
            end += MIN(BLOCK_SIZE, length - end);
        if (end > start &&
            !write_range(to, bytes + start, end - start, offset + (off_t) start, error))
            return false;
        at = end;
    }
    return true;
}

typedef struct {
    int from, to;
    char *buffer;
    off_t size;
    uint64_t moved; /* bytes, so far */
    const RlCopyWatch *watch;
} Copy;

static void
report(const Copy *copy, off_t at)
{
    const RlProgress *progress = &copy->watch->progress;

    if (progress->report)
        progress->report((uint64_t) at, (uint64_t) copy->size, copy->moved, progress->data);
}

static bool
copy_range(Copy *copy, off_t offset, off_t end, GError **error)
{
    while (offset < end) {
        if (copy->watch->go_on && !copy->watch->go_on(copy->watch->data))
            return rl_fail_errno(error, ECANCELED, "the copy was interrupted");
        ssize_t n =
            pread(copy->from, copy->buffer, (size_t) MIN((off_t) CHUNK_SIZE, end - offset), offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rl_fail_file(error, errno, copy->from, "cannot read");
        if (n == 0)
            return true; /* it became shorter meanwhile */
        if (!write_data(copy->to, copy->buffer, (size_t) n, offset, error))
            return false;
        offset += n;
        copy->moved += (uint64_t) n;
        report(copy, offset);
    }
    return true;
}

static bool
refuse(int from, GError **error)
{
    g_autofree char *label = rl_file_label(from);

    return rl_fail_errno(error, EINVAL,
                         "%s cannot be copied: it is neither a file nor a block device", label);
}

bool
rl_sparse_copy(int from, int to, const RlCopyWatch *watch, GError **error)
{
    g_autofree char *buffer = g_malloc(CHUNK_SIZE);
    const RlCopyWatch nobody = {0};
    Copy copy = {.from = from, .to = to, .buffer = buffer, .watch = watch ? watch : &nobody};
    struct stat st;

    if (fstat(from, &st) < 0)
        return rl_fail_file(error, errno, from, "cannot examine");
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return refuse(from, error);
    off_t size = lseek(from, 0, SEEK_END);
    if (size < 0)
        return rl_fail_file(error, errno, from, "cannot determine the size of");
    copy.size = size;
    /* First: XFS allocates ahead of writes that make a file longer, and keeps that in what are to
     * be holes. */
    if (!rl_limit_allows_size(to, (uint64_t) size, error))
        return false;
    if (ftruncate(to, size) < 0)
        return rl_fail_file(error, errno, to, "cannot set the size of");
    for (off_t start = 0, hole; start < size; start = hole) {
        start = lseek(from, start, SEEK_DATA);
        if (start < 0 && errno == ENXIO)
            break;
        /* Where holes cannot be told (a block device) all of it is data. */
        hole = start < 0 ? size : lseek(from, start, SEEK_HOLE);
        start = MAX(start, 0);
        if (hole < 0)
            return rl_fail_file(error, errno, from, "cannot find the holes of");
        if (!copy_range(&copy, start, MIN(hole, size), error))
            return false;
    }
    return true;
}
