/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "compare-extents.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/base/error.h"
#include "extent-map.h"
#include "file-error.h"
#include "standstill.h"

/* Some of the extents of a file, and how far one has got in them. */
typedef struct {
    RlExtentMap map;
    uint32_t at;
} Map;

/* What a map says of a byte, and of all up to @end. */
typedef struct {
    bool hole, plain, shared;
    uint64_t physical, end;
} Place;

typedef struct {
    const RlExtentsWish *wish;
    RlStandstill standstill;
    Map before, other, after; /* of a, b, and a again */
    bool once;                /* before is all that is known of a */
    uint64_t seen;            /* extents */
    uint64_t doubtful;        /* bytes of b */
    uint64_t start, end;      /* of a range that differs and may go on; empty where there is none */
    bool different, ended;
} Comparison;

static bool
refuse(int fd, const char *why, GError **error)
{
    g_autofree char *label = rl_file_label(fd);

    return rl_fail(error, RL_ERROR_UNSUPPORTED, "%s cannot be compared: %s", label, why);
}

static bool
require_file(int fd, struct stat *ret_st, GError **error)
{
    struct fsxattr flags = {0};
    struct statfs fs;

    if (fstat(fd, ret_st) < 0 || fstatfs(fd, &fs) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    if (!S_ISREG(ret_st->st_mode))
        return refuse(fd, "it is not a regular file", error);
    if (fs.f_type != XFS_SUPER_MAGIC && fs.f_type != BTRFS_SUPER_MAGIC)
        return refuse(fd, "only XFS and btrfs tell which blocks two files share", error);
    /* The realtime device counts its blocks from 0 as well. */
    if (ioctl(fd, FS_IOC_FSGETXATTR, &flags) < 0)
        return rl_fail_file(error, errno, fd, "cannot determine the device of");
    if (flags.fsx_xflags & FS_XFLAG_REALTIME)
        return refuse(fd, "it is on the realtime device of XFS", error);
    return true;
}

static bool
too_many_extents(const Comparison *comparison, int fd, GError **error)
{
    g_autofree char *label = rl_file_label(fd);

    return rl_fail(error, RL_ERROR_UNSUPPORTED,
                   "%s cannot be compared: there are more than %" G_GUINT64_FORMAT " extents",
                   label, comparison->wish->extents_max);
}

/* Reads what there is of @fd from @start up to *@end, which becomes less where that is too much for
 * one map; with @places as quick as can be. */
static bool
read_map(Comparison *comparison, int fd, bool places, uint64_t start, uint64_t *end, Map *map,
         GError **error)
{
    map->at = 0;
    if (!(places ? rl_extent_map_read_places : rl_extent_map_read)(fd, start, end, &map->map,
                                                                   error))
        return false;
    comparison->seen += rl_extent_map_count(&map->map);
    if (comparison->wish->extents_max && comparison->seen > comparison->wish->extents_max)
        return too_many_extents(comparison, fd, error);
    return true;
}

/* Where the byte @at lies, which is behind the one that was asked for before. */
static Place
place_at(Map *map, uint64_t at, uint64_t end)
{
    uint32_t count = rl_extent_map_count(&map->map);
    while (map->at < count && rl_extent_end(rl_extent_map_get(&map->map, map->at)) <= at)
        map->at++;

    const struct fiemap_extent *extent =
        map->at < count ? rl_extent_map_get(&map->map, map->at) : NULL;
    if (!extent || extent->fe_logical >= end)
        return (Place){.hole = true, .end = end};
    if (extent->fe_logical > at)
        return (Place){.hole = true, .end = extent->fe_logical};
    return (Place){.plain = rl_extent_is_plain(extent),
                   .shared =
                       (extent->fe_flags & FIEMAP_EXTENT_SHARED) && rl_extent_is_plain(extent),
                   .physical = extent->fe_physical + (at - extent->fe_logical),
                   .end = MIN(end, rl_extent_end(extent))};
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
        Place after = comparison->once ? before : place_at(&comparison->after, start, end);
        uint64_t next = MIN(before.end, MIN(other.end, after.end));
        if (!other.hole && !other.plain)
            comparison->doubtful += next - start;
        if (is_same_place(&before, &after) && is_same_place(&before, &other))
            end_range(comparison);
        else
            add_different(comparison, start, next);
        start = next;
    }
}

static bool
is_clear(const Comparison *comparison, GError **error)
{
    uint64_t max = comparison->wish->doubtful_max;

    return !max || comparison->doubtful <= max ||
           rl_fail(error, RL_ERROR_UNSUPPORTED,
                   "the places of more than %" G_GUINT64_FORMAT
                   " bytes of the image are unknown: they are compressed or unwritten, for example",
                   max);
}

/* Reads a, b and, unless @once, a again. */
static bool
read_maps(Comparison *comparison, const int *files, bool places, bool once, uint64_t start,
          uint64_t *end, GError **error)
{
    comparison->once = once;
    return read_map(comparison, files[0], places, start, end, &comparison->before, error) &&
           read_map(comparison, files[1], places, start, end, &comparison->other, error) &&
           (once || read_map(comparison, files[0], places, start, end, &comparison->after, error));
}

/* The same where the file system says that nothing has moved meanwhile. *@ret_done is false where
 * it says that something has, or nothing at all. */
static bool
read_still(Comparison *comparison, const int *files, uint64_t start, uint64_t *end, bool *ret_done,
           GError **error)
{
    const RlStandstill *standstill = &comparison->standstill;
    uint64_t since = 0, now = 0, until = *end;

    *ret_done = rl_standstill_count(standstill, &since);
    if (!*ret_done)
        return true;
    if (!read_maps(comparison, files, standstill->btrfs, !standstill->btrfs, start, &until, error))
        return false;
    *ret_done = rl_standstill_count(standstill, &now) && now == since;
    if (!*ret_done && !standstill->btrfs) {
        comparison->once = false;
        *ret_done = true;
        if (!read_map(comparison, files[0], false, start, &until, &comparison->after, error))
            return false;
    }
    if (*ret_done)
        *end = until;
    return true;
}

/* What the first maps have all of takes no time worth to be saved. */
static bool
read_next(Comparison *comparison, const int *files, uint64_t start, uint64_t *end, GError **error)
{
    bool guess = comparison->wish->guess, done = false;

    if (start > 0 && !guess && !read_still(comparison, files, start, end, &done, error))
        return false;
    return done || read_maps(comparison, files, guess, guess, start, end, error);
}

/* Of each range both files are read before the next one is. */
static bool
compare_all(Comparison *comparison, const int *files, GError **error)
{
    const RlExtentsWish *wish = comparison->wish;

    for (uint64_t start = 0; start < wish->length && !comparison->ended;) {
        uint64_t end = wish->length;
        if (!read_next(comparison, files, start, &end, error))
            return false;
        if (wish->places_of_b)
            rl_map_digest_add(wish->places_of_b, &comparison->other.map, start, end);
        compare_maps(comparison, start, end);
        if (!is_clear(comparison, error))
            return false;
        if (start == 0 && end < wish->length && !wish->guess)
            rl_standstill_open(files[0], &comparison->standstill);
        start = end;
        if (wish->compared)
            wish->compared(end, wish->data);
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
        g_autofree char *one = rl_file_label(a), *other = rl_file_label(b);
        rl_fail(error, RL_ERROR_UNSUPPORTED,
                "%s and %s cannot be compared: they are on different file systems", one, other);
        return RL_EXTENTS_UNKNOWN;
    }
    if (of_a.st_ino == of_b.st_ino)
        return RL_EXTENTS_SAME;

    g_autofree Comparison *comparison = g_new0(Comparison, 1);
    comparison->wish = wish;
    comparison->standstill.fd = -1;
    bool done = compare_all(comparison, (const int[]){a, b}, error);
    rl_standstill_close(&comparison->standstill);
    if (!done)
        return RL_EXTENTS_UNKNOWN;
    return comparison->different ? RL_EXTENTS_DIFFERENT : RL_EXTENTS_SAME;
}
