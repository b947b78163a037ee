/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "extents.h"

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/base/error.h"

/* Extents that are read at a time: 14 KiB of them, three times. */
#define BATCH 256
/* All else that can be said of an extent (linux/fiemap.h), or will be, is a reason for doubt. */
#define HARMLESS_FLAGS (FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_MERGED | FIEMAP_EXTENT_SHARED)

/* Some of the extents of a file, and how far one has got in them. */
typedef struct {
    /* A struct fiemap and its extents, which no structure may have before its end. */
    _Alignas(
        struct fiemap) char bytes[sizeof(struct fiemap) + BATCH * sizeof(struct fiemap_extent)];
    uint32_t at;
} Map;

/* What a map says of a byte, and of all up to @end. */
typedef struct {
    bool hole, shared;
    uint64_t physical, end;
} Place;

typedef struct {
    const RlExtentsWish *wish;
    Map before, other, after; /* of a, b, and a again */
    uint64_t seen;            /* extents */
    uint64_t start, end;      /* of a range that differs and may go on; empty where there is none */
    bool different, ended;
} Comparison;

static struct fiemap *
head_of(Map *map)
{
    return (struct fiemap *) map->bytes;
}

static uint64_t
extent_end(const struct fiemap_extent *extent)
{
    return extent->fe_logical + extent->fe_length;
}

static bool
require_file(int fd, struct stat *ret_st, GError **error)
{
    struct fsxattr flags = {0};
    struct statfs fs;

    if (fstat(fd, ret_st) < 0 || fstatfs(fd, &fs) < 0)
        return rl_fail_errno(error, errno, "cannot examine an image to compare");
    if (!S_ISREG(ret_st->st_mode))
        return rl_fail(error, RL_ERROR_UNSUPPORTED, "only regular files can be compared");
    if (fs.f_type != XFS_SUPER_MAGIC && fs.f_type != BTRFS_SUPER_MAGIC)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "whether two files share blocks can be determined only on XFS and btrfs");
    /* The realtime device counts its blocks from 0 as well. */
    if (ioctl(fd, FS_IOC_FSGETXATTR, &flags) < 0)
        return rl_fail_errno(error, errno, "cannot determine on which device an image lies");
    if (flags.fsx_xflags & FS_XFLAG_REALTIME)
        return rl_fail(error, RL_ERROR_UNSUPPORTED, "realtime files cannot be compared");
    return true;
}

/* Reads what there is of @fd from @start up to *@end, which becomes less where that is too much for
 * one map. */
static bool
read_map(Comparison *comparison, int fd, uint64_t start, uint64_t *end, Map *map, GError **error)
{
    int rc;

    memset(head_of(map), 0, sizeof(struct fiemap));
    head_of(map)->fm_start = start;
    head_of(map)->fm_length = *end - start;
    head_of(map)->fm_flags = FIEMAP_FLAG_SYNC;
    head_of(map)->fm_extent_count = BATCH;
    map->at = 0;
    do
        rc = ioctl(fd, FS_IOC_FIEMAP, head_of(map));
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return rl_fail_errno(error, errno, "cannot read the extents of an image");

    uint32_t mapped = head_of(map)->fm_mapped_extents;
    comparison->seen += mapped;
    if (comparison->wish->extents_max && comparison->seen > comparison->wish->extents_max)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "images of more than %" G_GUINT64_FORMAT " extents are not compared here",
                       comparison->wish->extents_max);
    if (mapped < BATCH || (head_of(map)->fm_extents[BATCH - 1].fe_flags & FIEMAP_EXTENT_LAST))
        return true;
    *end = MIN(*end, extent_end(&head_of(map)->fm_extents[BATCH - 1]));
    return *end > start
               ? true
               : rl_fail_errno(error, EIO, "the kernel reports inconsistent extents for an image");
}

/* Where the byte @at lies, which is behind the one that was asked for before. */
static Place
place_at(Map *map, uint64_t at, uint64_t end)
{
    while (map->at < head_of(map)->fm_mapped_extents &&
           extent_end(&head_of(map)->fm_extents[map->at]) <= at)
        map->at++;

    const struct fiemap_extent *extent = &head_of(map)->fm_extents[map->at];
    if (map->at == head_of(map)->fm_mapped_extents || extent->fe_logical >= end)
        return (Place){.hole = true, .end = end};
    if (extent->fe_logical > at)
        return (Place){.hole = true, .end = extent->fe_logical};
    return (Place){.shared = (extent->fe_flags & FIEMAP_EXTENT_SHARED) &&
                             !(extent->fe_flags & ~(uint32_t) HARMLESS_FLAGS),
                   .physical = extent->fe_physical + (at - extent->fe_logical),
                   .end = MIN(end, extent_end(extent))};
}

static bool
is_same_place(const Place *one, const Place *other)
{
    if (one->hole || other->hole)
        return one->hole && other->hole;
    return one->shared && other->shared && one->physical == other->physical;
}

/* The range that differs goes no further. */
static void
end_range(Comparison *comparison)
{
    const RlExtentsWish *wish = comparison->wish;

    if (comparison->end == comparison->start)
        return;
    if (!wish->range ||
        !wish->range(comparison->start, comparison->end - comparison->start, wish->data))
        comparison->ended = true;
    comparison->start = comparison->end;
}

static void
add_different(Comparison *comparison, uint64_t start, uint64_t end)
{
    comparison->different = true;
    if (comparison->end != start) {
        end_range(comparison);
        comparison->start = start;
    }
    comparison->end = end;
    /* Nobody wants to know where. */
    if (!comparison->wish->range)
        comparison->ended = true;
}

static void
compare_maps(Comparison *comparison, uint64_t start, uint64_t end)
{
    while (start < end && !comparison->ended) {
        Place before = place_at(&comparison->before, start, end);
        Place other = place_at(&comparison->other, start, end);
        Place after = place_at(&comparison->after, start, end);
        uint64_t next = MIN(before.end, MIN(other.end, after.end));
        if (is_same_place(&before, &after) && is_same_place(&before, &other))
            end_range(comparison);
        else
            add_different(comparison, start, next);
        start = next;
    }
}

static bool
compare_all(Comparison *comparison, int a, int b, GError **error)
{
    for (uint64_t start = 0; start < comparison->wish->length && !comparison->ended;) {
        uint64_t end = comparison->wish->length;
        if (!read_map(comparison, a, start, &end, &comparison->before, error) ||
            !read_map(comparison, b, start, &end, &comparison->other, error) ||
            !read_map(comparison, a, start, &end, &comparison->after, error))
            return false;
        compare_maps(comparison, start, end);
        start = end;
    }
    if (!comparison->ended)
        end_range(comparison);
    return true;
}

RlExtents
rl_extents_compare(int a, int b, const RlExtentsWish *wish, GError **error)
{
    struct stat of_a, of_b;

    if (!require_file(a, &of_a, error) || !require_file(b, &of_b, error))
        return RL_EXTENTS_UNKNOWN;
    if (of_a.st_dev != of_b.st_dev) {
        rl_fail(error, RL_ERROR_UNSUPPORTED, "images on different file systems cannot be compared");
        return RL_EXTENTS_UNKNOWN;
    }
    if (of_a.st_ino == of_b.st_ino)
        return RL_EXTENTS_SAME;

    g_autofree Comparison *comparison = g_new0(Comparison, 1);
    comparison->wish = wish;
    if (!compare_all(comparison, a, b, error))
        return RL_EXTENTS_UNKNOWN;
    return comparison->different ? RL_EXTENTS_DIFFERENT : RL_EXTENTS_SAME;
}
