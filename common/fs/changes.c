/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "changes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "compare-extents.h"
#include "file-data.h"
#include "file-error.h"

/* What is compared at a time, of each file. */
#define CHUNK_SIZE (1024 * 1024)
#define BLOCK_SIZE 4096

typedef struct {
    int from, to;
    uint64_t from_size, to_size;
    const RlChangesWish *wish;
    char *old, *new; /* CHUNK_SIZE each */
    GError *error;   /* that ended it */
} Search;

static void
search_clear(Search *search)
{
    g_free(search->old);
    g_free(search->new);
    g_clear_error(&search->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Search, search_clear)

/* Up to @at the files are compared. */
static void
report(uint64_t at, void *data)
{
    const Search *search = data;
    const RlProgress *progress = &search->wish->progress;

    if (progress->report)
        progress->report(at, search->to_size, 0, progress->data);
}

/* A range of which the bytes were read, from @at of the buffer on. */
static bool
add_compared(Search *search, uint64_t start, size_t length, size_t at)
{
    const RlChangesWish *wish = search->wish;

    return wish->bytes ? wish->bytes(start, length, search->new + at, wish->data, &search->error)
                       : wish->range(start, length, wish->data, &search->error);
}

/* Calls for the runs of blocks in which the two buffers differ; @at is where they begin. */
static bool
compare_buffers(Search *search, uint64_t at, size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t start = done;
        while (done < size &&
               memcmp(search->old + done, search->new + done, MIN(BLOCK_SIZE, size - done)) != 0)
            done += MIN(BLOCK_SIZE, size - done);
        if (done > start && !add_compared(search, at + start, done - start, start))
            return false;
        done += MIN(BLOCK_SIZE, size - done);
    }
    return true;
}

/* Where one of the files has data, from @start on. What fits into the buffers is read as it is:
 * most ranges that extents call different are small, and have data. */
static uint64_t
find_data(const Search *search, uint64_t start, uint64_t end)
{
    if (end - start <= CHUNK_SIZE)
        return start;
    uint64_t old = rl_next_data(search->from, start), new = rl_next_data(search->to, start);
    return MAX(start, MIN(old, new) / BLOCK_SIZE * BLOCK_SIZE);
}

static bool
compare_bytes(Search *search, uint64_t start, uint64_t end)
{
    while (start < end) {
        start = find_data(search, start, end);
        if (start >= end)
            break;
        size_t size = (size_t) MIN(end - start, CHUNK_SIZE);
        if (!rl_full_read(search->from, search->old, size, start, &search->error) ||
            !rl_full_read(search->to, search->new, size, start, &search->error) ||
            !compare_buffers(search, start, size))
            return false;
        start += size;
        report(start, search);
    }
    return true;
}

static bool
add_range(uint64_t start, uint64_t length, void *data)
{
    Search *search = data;

    if (search->wish->exact)
        return compare_bytes(search, start, start + length);
    return search->wish->range(start, length, search->wish->data, &search->error);
}

/* What is behind @start, where @from ends in the first block: there it counts as different, since
 * extents say nothing of a part of a block. Behind that @from has zeros. */
static bool
add_tail(Search *search, uint64_t start)
{
    uint64_t size = search->to_size;

    if (start >= size || search->wish->exact)
        return compare_bytes(search, start, size);
    uint64_t end = MIN(start + BLOCK_SIZE, size);
    if (!add_range(start, end - start, search))
        return false;
    while (end < size) {
        uint64_t data = MAX(rl_next_data(search->to, end), end);
        if (data >= size)
            break;
        end = MIN(rl_next_hole(search->to, data), size);
        if (!add_range(data, end - data, search))
            return false;
    }
    return true;
}

/* *@ret_known is false where extents cannot be compared. */
static bool
compare_extents(Search *search, bool *ret_known, GError **error)
{
    uint64_t common = MIN(search->from_size, search->to_size);

    if (search->from_size != search->to_size)
        common = common / BLOCK_SIZE * BLOCK_SIZE;
    const RlExtentsWish wish = {
        .length = common, .range = add_range, .compared = report, .data = search};
    g_autoptr(GError) cause = NULL;

    *ret_known = rl_extents_compare(search->from, search->to, &wish, &cause) != RL_EXTENTS_UNKNOWN;
    if (search->error || (*ret_known && !add_tail(search, common)))
        return false;
    if (*ret_known ||
        (!search->wish->by_extents && g_error_matches(cause, RL_ERROR, RL_ERROR_UNSUPPORTED)))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool
find(Search *search, bool *ret_by_bytes, GError **error)
{
    bool known;

    if (!compare_extents(search, &known, error))
        return false;
    *ret_by_bytes = !known;
    return known || compare_bytes(search, 0, search->to_size);
}

static bool
refuse(int fd, GError **error)
{
    g_autofree char *label = rl_file_label(fd);

    return rl_fail_errno(error, EINVAL, "%s cannot be compared: it is not a regular file", label);
}

bool
rl_changes_add_up(uint64_t start, uint64_t length, void *data, GError **error)
{
    uint64_t *bytes = data;

    (void) start;
    (void) error;
    *bytes += length;
    return true;
}

bool
rl_changes_find(int from, int to, const RlChangesWish *wish, bool *ret_by_bytes, GError **error)
{
    struct stat of_from, of_to;

    if (fstat(from, &of_from) < 0)
        return rl_fail_file(error, errno, from, "cannot examine");
    if (fstat(to, &of_to) < 0)
        return rl_fail_file(error, errno, to, "cannot examine");
    if (!S_ISREG(of_from.st_mode) || !S_ISREG(of_to.st_mode))
        return refuse(S_ISREG(of_from.st_mode) ? to : from, error);
    g_auto(Search) search = {.from = from,
                             .to = to,
                             .from_size = (uint64_t) of_from.st_size,
                             .to_size = (uint64_t) of_to.st_size,
                             .wish = wish,
                             .old = g_malloc(CHUNK_SIZE),
                             .new = g_malloc(CHUNK_SIZE)};
    bool done = find(&search, ret_by_bytes, error);
    if (search.error)
        g_propagate_error(error, g_steal_pointer(&search.error));
    return done;
}
