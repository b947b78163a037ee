/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fragmentation.h"

#include "extent-walk.h"

#define INEXACT_FLAGS (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED)

static bool
add_extent(const struct fiemap_extent *extent, bool joined, void *data)
{
    RlFragmentation *found = data;

    if (!joined)
        found->extents++;
    if (extent->fe_flags & INEXACT_FLAGS)
        found->exact = false;
    if (extent->fe_flags & FIEMAP_EXTENT_DATA_INLINE)
        return true;
    found->allocated += extent->fe_length;
    if (extent->fe_flags & FIEMAP_EXTENT_SHARED)
        found->shared += extent->fe_length;
    return true;
}

bool
rl_fragmentation_get(int fd, const RlProgress *progress, RlFragmentation *ret_fragmentation,
                     GError **error)
{
    RlFragmentation found = {.exact = true};

    if (!rl_extent_walk(fd, add_extent, &found, progress, error))
        return false;
    *ret_fragmentation = found;
    return true;
}

uint64_t
rl_fragmentation_mean(const RlFragmentation *fragmentation)
{
    return fragmentation->extents ? fragmentation->allocated / fragmentation->extents : 0;
}
