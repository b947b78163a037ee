/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "extent-walk.h"

#include <errno.h>
#include <sys/stat.h>

#include "file-error.h"

/* Such an extent does not say where each of its blocks lies. */
#define PLACELESS_FLAGS                                                       \
    (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED | \
     FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL | FIEMAP_EXTENT_NOT_ALIGNED)

typedef struct {
    uint64_t logical, physical; /* where the extent before ends */
    bool known;                 /* there is one, and it says where it lies */
} Place;

static bool
is_joined(const Place *before, const struct fiemap_extent *extent)
{
    return before->known && !(extent->fe_flags & PLACELESS_FLAGS) &&
           extent->fe_logical == before->logical && extent->fe_physical == before->physical;
}

static bool
visit_all(const RlExtentMap *map, Place *before, RlExtentVisit visit, void *data)
{
    for (uint32_t i = 0; i < rl_extent_map_count(map); i++) {
        const struct fiemap_extent *extent = rl_extent_map_get(map, i);
        if (!visit(extent, is_joined(before, extent), data))
            return false;
        *before = (Place){.logical = rl_extent_end(extent),
                          .physical = extent->fe_physical + extent->fe_length,
                          .known = !(extent->fe_flags & PLACELESS_FLAGS)};
    }
    return true;
}

bool
rl_extent_walk(int fd, RlExtentVisit visit, void *data, const RlProgress *progress, GError **error)
{
    g_autofree RlExtentMap *map = g_new(RlExtentMap, 1);
    Place before = {0};
    struct stat st;

    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    for (uint64_t start = 0, end; start < INT64_MAX; start = end) {
        end = INT64_MAX;
        if (!rl_extent_map_read(fd, start, &end, map, error))
            return false;
        if (!visit_all(map, &before, visit, data))
            return true;
        uint64_t at = MIN(end, (uint64_t) st.st_size);
        if (progress && progress->report)
            progress->report(at, (uint64_t) st.st_size, at, progress->data);
    }
    return true;
}
