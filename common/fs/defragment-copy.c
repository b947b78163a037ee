/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "defragment-copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/error.h"
#include "compare-extents.h"
#include "file-data.h"
#include "file-error.h"

#define CHUNK_SIZE ((size_t) 1024 * 1024)

/* What is allocated at a time: no file system has a larger extent than XFS, with 8 GiB; and what is
 * interrupted has not taken all the space of a large range at once. */
#define PIECE_SIZE ((uint64_t) 1024 * 1024 * 1024)

/* How much is copied or compared between two questions whether to go on. */
#define ASK_EVERY ((uint64_t) 32 * 1024 * 1024)

typedef struct {
    const RlDefragmentCopy *copy;
    int from, to;
    uint64_t size;     /* of @from: behind its end it has nothing to copy */
    uint64_t done;     /* bytes that were copied, or compared */
    uint64_t asked_at; /* of them */
    char *a, *b;       /* CHUNK_SIZE each */
    GError *error;     /* of a comparison */
} Copying;

static void
copying_clear(Copying *copying)
{
    g_free(copying->a);
    g_free(copying->b);
    g_clear_error(&copying->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copying, copying_clear)

bool
rl_defragment_supported(int fd, GError **error)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine the file system of");
    return fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC ||
           rl_fail(error, RL_ERROR_UNSUPPORTED,
                   "the file system is neither XFS nor btrfs, so it is unknown which blocks are "
                   "shared");
}

static bool
advance(Copying *copying, uint64_t bytes, GError **error)
{
    const RlDefragmentCopy *copy = copying->copy;
    uint64_t all = 2 * copy->plan->bytes;

    copying->done += bytes;
    if (copy->progress.report)
        copy->progress.report(MIN(copying->done, all), all, copying->done, copy->progress.data);
    if (copying->done - copying->asked_at < ASK_EVERY)
        return true;
    copying->asked_at = copying->done;
    return !copy->go_on || copy->go_on(copy->data) ||
           rl_fail_errno(error, ECANCELED, "the defragmentation was interrupted");
}

static bool
copy_bytes(Copying *copying, uint64_t start, uint64_t end, GError **error)
{
    for (uint64_t at = start; at < end; at += CHUNK_SIZE) {
        size_t size = (size_t) MIN(CHUNK_SIZE, end - at);
        if (!rl_full_read(copying->from, copying->a, size, at, error) ||
            !rl_full_write(copying->to, copying->a, size, at, error) ||
            !advance(copying, size, error))
            return false;
    }
    return true;
}

/* What is allocated before it is written lies in one piece, where the free space has one. */
static bool
copy_range(Copying *copying, const RlDefragmentRange *range, GError **error)
{
    for (uint64_t start = range->start, end; start < range->end; start = end) {
        end = MIN(start + PIECE_SIZE, range->end);
        off_t length = (off_t) (end - start);
        if (fallocate(copying->to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) start,
                      length) < 0 ||
            fallocate(copying->to, FALLOC_FL_KEEP_SIZE, (off_t) start, length) < 0)
            return rl_fail_file(error, errno, copying->to,
                                "cannot allocate %" G_GUINT64_FORMAT " bytes of", end - start);
        if (!copy_bytes(copying, start, MIN(end, copying->size), error))
            return false;
    }
    return true;
}

static bool
compare_piece(Copying *copying, uint64_t at, size_t size)
{
    GError **error = &copying->error;

    if (!rl_full_read(copying->from, copying->a, size, at, error) ||
        !rl_full_read(copying->to, copying->b, size, at, error))
        return false;
    if (memcmp(copying->a, copying->b, size) == 0)
        return advance(copying, size, error);
    return rl_fail_errno(error, EIO,
                         "the copy differs from the image in the %zu bytes at %" G_GUINT64_FORMAT,
                         size, at);
}

static bool
compare_range(uint64_t start, uint64_t length, void *data)
{
    for (uint64_t done = 0; done < length; done += CHUNK_SIZE)
        if (!compare_piece(data, start + done, (size_t) MIN(CHUNK_SIZE, length - done)))
            return false;
    return true;
}

/* Both, and what is behind the end of the shorter one reads as zeros. */
static bool
compare_all(Copying *copying, GError **error)
{
    struct stat st;

    if (fstat(copying->to, &st) < 0)
        return rl_fail_file(error, errno, copying->to, "cannot examine");
    const RlExtentsWish wish = {.length = MAX((uint64_t) st.st_size, copying->size),
                                .range = compare_range,
                                .data = copying};
    RlExtents found = rl_extents_compare(copying->from, copying->to, &wish, error);

    if (found == RL_EXTENTS_UNKNOWN)
        return false;
    if (!copying->error)
        return true;
    g_propagate_error(error, g_steal_pointer(&copying->error));
    return false;
}

bool
rl_defragment_copy(const RlDefragmentCopy *copy, int from, int to, GError **error)
{
    g_auto(Copying) copying = {
        .copy = copy, .from = from, .to = to, .a = g_malloc(CHUNK_SIZE), .b = g_malloc(CHUNK_SIZE)};
    struct stat st;

    if (fstat(from, &st) < 0)
        return rl_fail_file(error, errno, from, "cannot examine");
    copying.size = (uint64_t) st.st_size;
    for (guint i = 0; i < copy->plan->ranges->len; i++)
        if (!copy_range(&copying, &g_array_index(copy->plan->ranges, RlDefragmentRange, i), error))
            return false;
    if (fsync(to) < 0)
        return rl_fail_file(error, errno, to, "cannot sync");
    /* What is compared comes from the disk then. */
    posix_fadvise(to, 0, 0, POSIX_FADV_DONTNEED);
    return compare_all(&copying, error);
}
