/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies at the path of a disk's image, as a domain would open it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "common/format/file-name.h"

typedef struct {
    char *root;      /* the pool's path */
    char *name;      /* the volume's; NULL where the path leads to no image of a reflink pool */
    char *file;      /* the name of the image in its directory; NULL for a short path */
    char *dirty;     /* the name of the volume's dirty image; NULL for a short path */
    RlFileRole role; /* what the path leads to */
    char *alias;     /* the short path (common/image/short-path.h), if it is one */
    bool marker;     /* no image, but the marker of the pool */
    char *hidden;    /* no image, but a file in the place of a volume's short path: that volume */
} RlDiskPlace;

/**
 * rl_disk_place_find:
 * Fills @place, which is all zero, with what @path leads to. False with @error where it cannot be
 * told whether that lies in a reflink pool.
 */
bool rl_disk_place_find(const char *path, RlDiskPlace *place, GError **error);

/**
 * rl_disk_place_require_file:
 * False with RL_ERROR_INVALID if what lies at @place, the path @path, which @what of a domain names
 * ("disk 'hda'"), is a pool's marker, or an image of a pool by a name that no volume has: what is
 * done to the file, as to give it to the device models' user, is done to that.
 */
bool rl_disk_place_require_file(const RlDiskPlace *place, const char *what, const char *path,
                                GError **error);

/**
 * rl_disk_place_follow:
 * Returns what a domain would open at @path, owned by the caller: the end of the symbolic links
 * there, also where that does not exist yet.
 */
char *rl_disk_place_follow(const char *path);

/**
 * rl_disk_place_may_be_image:
 * False if rl_disk_place_find() is sure to find no image at @path: some system calls, and no look
 * for a pool.
 */
bool rl_disk_place_may_be_image(const char *path);

/**
 * rl_disk_place_clear:
 * Frees what @place points to.
 */
void rl_disk_place_clear(RlDiskPlace *place);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlDiskPlace, rl_disk_place_clear)
