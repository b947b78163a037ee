/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the blocks of a file lie, a part of the file at a time (FIEMAP). */
#pragma once

#include <glib.h>
#include <linux/fiemap.h>
#include <stdbool.h>
#include <stdint.h>

/* Extents that are read at a time: 56 KiB of them. */
#define RL_EXTENT_MAP_MAX 1024

typedef struct {
    /* A struct fiemap and its extents, which no structure may have before its end. */
    _Alignas(struct fiemap) char bytes[sizeof(struct fiemap) +
                                       RL_EXTENT_MAP_MAX * sizeof(struct fiemap_extent)];
} RlExtentMap;

/**
 * rl_extent_map_read:
 * Reads the extents that the file @fd has from byte @start up to *@end, which becomes less where
 * there are more than fit: then it is asked for the rest from there. What was written gets its
 * place first. False with the errno (EOPNOTSUPP: a file system without FIEMAP), EIO for a map that
 * contradicts itself.
 */
bool rl_extent_map_read(int fd, uint64_t start, uint64_t *end, RlExtentMap *map, GError **error);

/**
 * rl_extent_map_read_places:
 * As rl_extent_map_read(), as quick as can be: on btrfs, from Linux 6.1 on, it is not looked what
 * is shared, and each plain extent is called so (btrfs-map.h).
 */
bool rl_extent_map_read_places(int fd, uint64_t start, uint64_t *end, RlExtentMap *map,
                               GError **error);

/**
 * rl_extent_map_count, rl_extent_map_get:
 * How many extents were read, and one of them, by rising place in the file; borrowed.
 */
uint32_t rl_extent_map_count(const RlExtentMap *map);
const struct fiemap_extent *rl_extent_map_get(const RlExtentMap *map, uint32_t index);

/**
 * rl_extent_end:
 * Where in the file @extent ends.
 */
uint64_t rl_extent_end(const struct fiemap_extent *extent);

/**
 * rl_extent_is_plain:
 * True if @extent says where each of its blocks lies. All else that can be said of one
 * (linux/fiemap.h), or will be, is a reason for doubt: not yet placed, unwritten, inline,
 * compressed or encrypted (such an extent says nothing of where in it the data begins).
 */
bool rl_extent_is_plain(const struct fiemap_extent *extent);
