/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What only the header of an image names below a disk, or only a save file that is not root's alone
 * as a disk, and is no image of a pool by its name: a guest or its device model may have written
 * that, and libvirt gives the file to the device models' user. */
#pragma once

#include "disk-place.h"

typedef enum {
    RL_DOUBTFUL_HEADER, /* the header of an image: regular files alone */
    RL_DOUBTFUL_SAVE,   /* a save file: also a block device that the host does not use */
} RlDoubtfulSource;

/**
 * rl_header_file_doubt:
 * Returns why what lies at @path, which is @place, must not become a disk or a layer of one: a
 * static clause that follows the path, NULL where it may. It must not be an image of a pool by
 * another name; lie in a pool, as an overlay that libvirt put beside an image does (the domain's
 * XML names that, where libvirt wrote it); be no file of a kind that @source may name; lie below
 * RL_LOCK_DIR; or be open for writing, as a file behind a loop device is, on which a pool's file
 * system may lie. What is not there may be named.
 */
const char *rl_header_file_doubt(const char *path, const RlDiskPlace *place,
                                 RlDoubtfulSource source);
