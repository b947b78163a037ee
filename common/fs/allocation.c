/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "allocation.h"

#include "extent-walk.h"

#define INEXACT_FLAGS (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED)

static bool
add_extent(const struct fiemap_extent *extent, bool joined, void *data)
{
    RlAllocation *allocation = data;

    (void) joined;
    allocation->extents++;
    if (extent->fe_flags & INEXACT_FLAGS)
        allocation->exact = false;
    if (extent->fe_flags & FIEMAP_EXTENT_DATA_INLINE)
        return true; /* it lies in the inode */
    if (extent->fe_flags & FIEMAP_EXTENT_SHARED)
        allocation->shared += extent->fe_length;
    else
        allocation->exclusive += extent->fe_length;
    return true;
}

bool
rl_allocation_get(int fd, const RlProgress *progress, RlAllocation *ret_allocation, GError **error)
{
    RlAllocation allocation = {.exact = true};

    if (!rl_extent_walk(fd, add_extent, &allocation, progress, error))
        return false;
    *ret_allocation = allocation;
    return true;
}
