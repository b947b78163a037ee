/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "extent-map.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "btrfs-map.h"
#include "file-error.h"

#define HARMLESS_FLAGS (FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_MERGED | FIEMAP_EXTENT_SHARED)

bool
rl_extent_map_read(int fd, uint64_t start, uint64_t *end, RlExtentMap *map, GError **error)
{
    struct fiemap *head = (struct fiemap *) map->bytes;
    int rc;

    memset(head, 0, sizeof(struct fiemap));
    head->fm_start = start;
    head->fm_length = *end - start;
    head->fm_flags = FIEMAP_FLAG_SYNC;
    head->fm_extent_count = RL_EXTENT_MAP_MAX;
    do
        rc = ioctl(fd, FS_IOC_FIEMAP, head);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return rl_fail_file(error, errno, fd, "cannot read the extents of");

    if (head->fm_mapped_extents < RL_EXTENT_MAP_MAX)
        return true;
    const struct fiemap_extent *last = &head->fm_extents[RL_EXTENT_MAP_MAX - 1];
    if (last->fe_flags & FIEMAP_EXTENT_LAST)
        return true;
    *end = MIN(*end, last->fe_logical + last->fe_length);
    return *end > start ||
           rl_fail_file(error, EIO, fd, "the kernel reports inconsistent extents of");
}

/* Older kernels get FIEMAP, which is right on each of them: what their trees say of a file that was
 * just written was not looked at. */
static bool
has_known_tree(void)
{
    struct utsname name;
    unsigned int major, minor;

    return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 1));
}

bool
rl_extent_map_read_places(int fd, uint64_t start, uint64_t *end, RlExtentMap *map, GError **error)
{
    struct statfs fs;
    uint64_t until = *end;

    if (fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC && has_known_tree() &&
        rl_btrfs_map_read(fd, start, &until, map, NULL)) {
        *end = until;
        return true;
    }
    return rl_extent_map_read(fd, start, end, map, error);
}

uint32_t
rl_extent_map_count(const RlExtentMap *map)
{
    return ((const struct fiemap *) map->bytes)->fm_mapped_extents;
}

const struct fiemap_extent *
rl_extent_map_get(const RlExtentMap *map, uint32_t index)
{
    return &((const struct fiemap *) map->bytes)->fm_extents[index];
}

uint64_t
rl_extent_end(const struct fiemap_extent *extent)
{
    return extent->fe_logical + extent->fe_length;
}

bool
rl_extent_is_plain(const struct fiemap_extent *extent)
{
    return !(extent->fe_flags & ~(uint32_t) HARMLESS_FLAGS);
}
