/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "share-changes.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "compare-extents.h"
#include "file-data.h"
#include "file-error.h"
#include "file-size-limit.h"

/* A multiple of the blocks of all file systems: extents say nothing of a part of one. */
#define BLOCK_MAX (64 * 1024)

/* How much is read to compare at a time, and for a sample, of each file. */
#define CHUNK_SIZE (256 * 1024)
#define SAMPLE_SIZE 4096
#define SAMPLES 16

typedef struct {
    RlShareChanges *changes;
    uint64_t end; /* of what the maps can tell */
    bool too_many;
} Finding;

static bool
add_range(uint64_t start, uint64_t length, void *data)
{
    Finding *finding = data;
    GArray *ranges = finding->changes->ranges;

    if (start >= finding->end)
        return true;
    finding->too_many = ranges->len >= RL_SHARE_RANGES_MAX;
    const RlShareRange range = {start, MIN(length, finding->end - start)};
    g_array_append_val(ranges, range);
    return !finding->too_many;
}

/* Where one file ends within the other, that is so from the block on in which it does. */
static void
add_tail(RlShareChanges *changes, uint64_t start)
{
    const RlShareRange range = {start, changes->size - start};

    if (start < changes->size)
        g_array_append_val(changes->ranges, range);
}

static bool
get_size(int fd, uint64_t *ret_size, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    *ret_size = (uint64_t) st.st_size;
    return true;
}

bool
rl_share_changes_find(int from, int to, RlShareChanges *ret_changes, GError **error)
{
    uint64_t size = 0, size_of_to = 0;

    *ret_changes = (RlShareChanges){.ranges = g_array_new(FALSE, FALSE, sizeof(RlShareRange))};
    if (!get_size(from, &size, error) || !get_size(to, &size_of_to, error))
        return false;
    ret_changes->size = size;
    Finding finding = {.changes = ret_changes, .end = size};
    if (size != size_of_to)
        finding.end = MIN(size, size_of_to) / BLOCK_MAX * BLOCK_MAX;
    const RlExtentsWish wish = {.length = size,
                                .range = add_range,
                                .data = &finding,
                                .guess = true,
                                .doubtful_max = RL_SHARE_DOUBTFUL_MAX,
                                .places_of_b = &ret_changes->places};
    if (rl_extents_compare(to, from, &wish, error) == RL_EXTENTS_UNKNOWN)
        return false;
    if (finding.too_many)
        return rl_fail(error, RL_ERROR_UNSUPPORTED, "the images differ in more than %d ranges",
                       RL_SHARE_RANGES_MAX);
    add_tail(ret_changes, finding.end);
    return true;
}

void
rl_share_changes_clear(RlShareChanges *changes)
{
    if (changes->ranges)
        g_array_unref(changes->ranges);
    changes->ranges = NULL;
}

static bool
share_range(int from, int to, const RlShareRange *range, GError **error)
{
    struct file_clone_range wish = {
        .src_fd = from,
        .src_offset = range->start,
        .src_length = range->length,
        .dest_offset = range->start,
    };
    int rc;

    do
        rc = ioctl(to, FICLONERANGE, &wish);
    while (rc < 0 && errno == EINTR);
    return rc == 0 || rl_fail_file(error, errno, from, "cannot reflink a part of");
}

bool
rl_share_changes_apply(const RlShareChanges *changes, int from, int to, RlGoOn go_on, void *data,
                       GError **error)
{
    uint64_t size = 0;

    /* First: a range that ends within a block has to end where both files do. */
    if (!get_size(to, &size, error) || !rl_limit_allows_size(to, changes->size, error))
        return false;
    if (size != changes->size && ftruncate(to, (off_t) changes->size) < 0)
        return rl_fail_file(error, errno, to, "cannot set the size of");
    for (guint i = 0; i < changes->ranges->len; i++) {
        if (go_on && !go_on(data))
            return rl_fail_file(error, ECANCELED, to, "the reflink was interrupted:");
        if (!share_range(from, to, &g_array_index(changes->ranges, RlShareRange, i), error))
            return false;
    }
    return true;
}

/* Whether two files have the same bytes where they are read. */
typedef struct {
    int from, to;
    uint64_t left; /* bytes that may be read */
    char *a, *b;   /* CHUNK_SIZE each */
    RlShared found;
    GError *error;
} Reading;

static void
reading_clear(Reading *reading)
{
    g_free(reading->a);
    g_free(reading->b);
    g_clear_error(&reading->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

static bool
end_reading(Reading *reading, RlShared found)
{
    reading->found = found;
    return false;
}

static bool
read_piece(Reading *reading, uint64_t start, size_t size)
{
    if (!rl_full_read(reading->from, reading->a, size, start, &reading->error) ||
        !rl_full_read(reading->to, reading->b, size, start, &reading->error))
        return end_reading(reading, RL_SHARED_UNKNOWN);
    if (memcmp(reading->a, reading->b, size) == 0)
        return true;
    rl_fail(&reading->error, RL_ERROR_INVALID,
            "the reflink differs from its source in the %zu bytes at %" G_GUINT64_FORMAT, size,
            start);
    return end_reading(reading, RL_SHARED_WRONG);
}

static bool
read_range(uint64_t start, uint64_t length, void *data)
{
    Reading *reading = data;

    if (length > reading->left) {
        rl_fail(&reading->error, RL_ERROR_UNSUPPORTED,
                "too much of the images would have to be read to compare them");
        return end_reading(reading, RL_SHARED_UNKNOWN);
    }
    reading->left -= length;
    for (uint64_t done = 0; done < length; done += CHUNK_SIZE)
        if (!read_piece(reading, start + done, (size_t) MIN(CHUNK_SIZE, length - done)))
            return false;
    return true;
}

/* Of what was shared now, and of all. */
static void
read_sample(Reading *reading, const RlShareChanges *changes)
{
    guint count = changes->ranges->len;
    uint64_t blocks = changes->size / SAMPLE_SIZE;

    for (guint i = 0; i < MIN(count, SAMPLES); i++) {
        const RlShareRange *range =
            &g_array_index(changes->ranges, RlShareRange, i * count / MIN(count, SAMPLES));
        if (!read_piece(reading, range->start, (size_t) MIN(SAMPLE_SIZE, range->length)))
            return;
    }
    for (guint i = 0; i < SAMPLES && blocks > 0; i++) {
        g_autofree char *random = rl_random_hex(16);
        uint64_t block = g_ascii_strtoull(random, NULL, 16) % blocks;
        if (!read_piece(reading, block * SAMPLE_SIZE, SAMPLE_SIZE))
            return;
    }
}

/* Does all of @to lie, shared, where @from lay? */
static bool
is_in_place(RlShareChanges *changes, int to, bool *ret_is, GError **error)
{
    RlMapDigest now = {0};

    if (!rl_map_digest_read(&now, to, changes->size, error))
        return false;
    *ret_is = !now.unshared && rl_map_digest_is_same(&now, &changes->places);
    return true;
}

/* The maps do not tell all. */
static bool
read_rest(Reading *reading, const RlShareChanges *changes, GError **error)
{
    const RlExtentsWish wish = {.length = changes->size, .range = read_range, .data = reading};

    return rl_extents_compare(reading->to, reading->from, &wish, error) != RL_EXTENTS_UNKNOWN;
}

RlShared
rl_share_changes_are_right(RlShareChanges *changes, int from, int to, GError **error)
{
    uint64_t size_of_from = 0, size_of_to = 0;
    bool in_place;

    if (!get_size(from, &size_of_from, error) || !get_size(to, &size_of_to, error) ||
        !is_in_place(changes, to, &in_place, error))
        return RL_SHARED_UNKNOWN;
    if (size_of_from != changes->size || size_of_to != changes->size) {
        rl_fail(error, RL_ERROR_UNSUPPORTED, "the size of an image changed meanwhile");
        return RL_SHARED_UNKNOWN;
    }
    g_auto(Reading) reading = {.from = from,
                               .to = to,
                               .left = RL_SHARE_DOUBTFUL_MAX,
                               .a = g_malloc(CHUNK_SIZE),
                               .b = g_malloc(CHUNK_SIZE)};
    if (!in_place && !read_rest(&reading, changes, error))
        return RL_SHARED_UNKNOWN;
    if (reading.found == RL_SHARED_RIGHT)
        read_sample(&reading, changes);
    if (reading.error)
        g_propagate_error(error, g_steal_pointer(&reading.error));
    return reading.found;
}
