/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "allocation.h"

#include "extent-map.h"

#define INEXACT_FLAGS (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED)

static void
add_extent(RlAllocation *allocation, const struct fiemap_extent *extent)
{
    allocation->extents++;
    if (extent->fe_flags & INEXACT_FLAGS)
        allocation->exact = false;
    if (extent->fe_flags & FIEMAP_EXTENT_DATA_INLINE)
        return; /* it lies in the inode */
    if (extent->fe_flags & FIEMAP_EXTENT_SHARED)
        allocation->shared += extent->fe_length;
    else
        allocation->exclusive += extent->fe_length;
}

bool
rl_allocation_get(int fd, RlAllocation *ret_allocation, GError **error)
{
    RlAllocation allocation = {.exact = true};
    g_autofree RlExtentMap *map = g_new(RlExtentMap, 1);

    for (uint64_t start = 0, end; start < INT64_MAX; start = end) {
        end = INT64_MAX;
        if (!rl_extent_map_read(fd, start, &end, map, error))
            return false;
        for (uint32_t i = 0; i < rl_extent_map_count(map); i++)
            add_extent(&allocation, rl_extent_map_get(map, i));
    }
    *ret_allocation = allocation;
    return true;
}
