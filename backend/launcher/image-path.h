/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a file that a domain names may be an image of a reflink pool. As common/pool/pool.h,
 * rl_pool_find(), and backend/hook/disk-place.h, which need GLib; what they find out by a longer
 * way is a doubt here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The further down, the more; what is more counts. */
typedef enum {
    RL_IMAGE_NONE,  /* it is none */
    RL_IMAGE_DOUBT, /* only the hook program can tell */
    RL_IMAGE_MAYBE, /* it is one, or what says so cannot be read */
} RlImageDoubt;

#define RL_DIRECTORIES_MAX 64

/* A directory of which it is known that it lies in no pool. All subvolumes of btrfs have the same
 * inode number, and one mounting shows many: each has a device number of its own. */
typedef struct {
    uint64_t ino, mount;
    uint32_t major, minor;
} RlOutside;

/* What the looks at one domain's files have found, all zero before the first. */
typedef struct {
    RlOutside outside[RL_DIRECTORIES_MAX];
    unsigned n_outside;
} RlImageLook;

/**
 * rl_image_look_at:
 * May the absolute path @path lead to an image, by its own name, by each symbolic link that it
 * leads through, by the marker of a pool (or the mark on its directory) above any of them, or by an
 * attribute of ours? Where the file has several names only the hook program can tell. A directory
 * counts as what is in it. What is not there is none, as long as it is known where it would be: the
 * hook alone makes dirty images.
 */
RlImageDoubt rl_image_look_at(RlImageLook *look, const char *path);
