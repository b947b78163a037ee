/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "btrfs-map.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "file-error.h"

/* RL_EXTENT_MAP_MAX items with their headers, and one that has the data itself, which is less than
 * a node of the tree. */
#define BUFFER_SIZE (256 * 1024)

typedef struct {
    struct fiemap *head;
    uint64_t start;
} Filling;

static void
add(Filling *filling, const struct fiemap_extent *extent)
{
    /* What came before is there already. */
    if (extent->fe_logical + extent->fe_length > filling->start)
        filling->head->fm_extents[filling->head->fm_mapped_extents++] = *extent;
}

/* One item of the tree at @offset in the file; btrfs(5), "file extent item". */
static void
add_item(Filling *filling, uint64_t offset, const uint8_t *bytes, size_t size)
{
    struct btrfs_file_extent_item item = {0};
    struct fiemap_extent extent = {.fe_logical = offset};

    memcpy(&item, bytes, MIN(size, sizeof(item)));
    bool is_plain = !item.compression && !item.encryption && !item.other_encoding;
    if (item.type != BTRFS_FILE_EXTENT_REG && item.type != BTRFS_FILE_EXTENT_PREALLOC) {
        extent.fe_length = MAX(GUINT64_FROM_LE(item.ram_bytes), 1);
        extent.fe_flags = FIEMAP_EXTENT_DATA_INLINE;
        add(filling, &extent);
        return;
    }
    /* A hole, where the file system notes holes. */
    if (!item.disk_bytenr)
        return;
    extent.fe_length = GUINT64_FROM_LE(item.num_bytes);
    extent.fe_physical = GUINT64_FROM_LE(item.disk_bytenr) + GUINT64_FROM_LE(item.offset);
    if (item.type == BTRFS_FILE_EXTENT_PREALLOC)
        extent.fe_flags = FIEMAP_EXTENT_UNWRITTEN;
    else
        extent.fe_flags = is_plain ? FIEMAP_EXTENT_SHARED : FIEMAP_EXTENT_ENCODED;
    add(filling, &extent);
}

/* Items are found by where they begin. The one that @start lies in is asked for the other way;
 * *@ret_next is where it ends. */
static bool
add_first(int fd, Filling *filling, uint64_t *ret_next, GError **error)
{
    g_autofree RlExtentMap *first = g_new(RlExtentMap, 1);
    uint64_t end = filling->start + 1;

    *ret_next = filling->start;
    if (!rl_extent_map_read(fd, filling->start, &end, first, error))
        return false;
    if (rl_extent_map_count(first) == 0)
        return true;
    struct fiemap_extent extent = *rl_extent_map_get(first, 0);
    if (extent.fe_logical > filling->start)
        return true;
    if (rl_extent_is_plain(&extent))
        extent.fe_flags |= FIEMAP_EXTENT_SHARED;
    add(filling, &extent);
    *ret_next = rl_extent_end(&extent);
    return true;
}

static bool
search(int fd, uint64_t from, uint64_t end, struct btrfs_ioctl_search_args_v2 *args, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    args->buf_size = BUFFER_SIZE;
    args->key = (struct btrfs_ioctl_search_key){.min_objectid = st.st_ino,
                                                .max_objectid = st.st_ino,
                                                .min_offset = from,
                                                .max_offset = end - 1,
                                                .max_transid = UINT64_MAX,
                                                .min_type = BTRFS_EXTENT_DATA_KEY,
                                                .max_type = BTRFS_EXTENT_DATA_KEY,
                                                .nr_items = RL_EXTENT_MAP_MAX - 1};
    return ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, args) == 0 ||
           rl_fail_file(error, errno, fd, "cannot read the extents of");
}

/* *@ret_last is where the last item begins. */
static bool
add_items(int fd, Filling *filling, const struct btrfs_ioctl_search_args_v2 *args,
          uint64_t *ret_last, GError **error)
{
    const uint8_t *at = (const uint8_t *) args->buf, *limit = at + BUFFER_SIZE;
    struct btrfs_ioctl_search_header header;

    for (uint32_t i = 0; i < args->key.nr_items; i++) {
        /* GCOV_EXCL_START: a kernel that contradicts itself cannot be had. */
        if (at + sizeof(header) > limit)
            return rl_fail_file(error, EIO, fd, "the kernel reports inconsistent extents of");
        /* GCOV_EXCL_STOP */
        memcpy(&header, at, sizeof(header));
        at += sizeof(header);
        /* GCOV_EXCL_START: a kernel that contradicts itself cannot be had. */
        if (header.len > (size_t) (limit - at))
            return rl_fail_file(error, EIO, fd, "the kernel reports inconsistent extents of");
        /* GCOV_EXCL_STOP */
        add_item(filling, header.offset, at, header.len);
        *ret_last = header.offset;
        at += header.len;
    }
    return true;
}

bool
rl_btrfs_map_read(int fd, uint64_t start, uint64_t *end, RlExtentMap *map, GError **error)
{
    g_autofree struct btrfs_ioctl_search_args_v2 *args = g_malloc0(sizeof(*args) + BUFFER_SIZE);
    Filling filling = {.head = (struct fiemap *) map->bytes, .start = start};
    uint64_t next, last = start;

    filling.head->fm_mapped_extents = 0;
    if (!add_first(fd, &filling, &next, error))
        return false;
    if (next >= *end)
        return true;
    if (!search(fd, next, *end, args, error) || !add_items(fd, &filling, args, &last, error))
        return false;
    if (args->key.nr_items < RL_EXTENT_MAP_MAX - 1)
        return true;
    /* There are more. Of the last one it is known where it begins, whatever it is. */
    uint32_t count = filling.head->fm_mapped_extents;
    while (count > 0 && filling.head->fm_extents[count - 1].fe_logical >= last)
        filling.head->fm_mapped_extents = --count;
    *end = last;
    /* GCOV_EXCL_START: a kernel that contradicts itself cannot be had. */
    return *end > start ||
           rl_fail_file(error, EIO, fd, "the kernel reports inconsistent extents of");
    /* GCOV_EXCL_STOP */
}
