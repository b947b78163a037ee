/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What changed since another state, as a dirty bitmap that clients of NBD can ask for
 * ("qemu:dirty-bitmap:changed"). Of QEMU's servers only qemu-storage-daemon(1) has one for an image
 * that is not qcow2, and nothing but a write sets a bit. So qemu-io(1) writes zeros to a disk that
 * keeps nothing, and the bitmap of that is merged into the one of the image, which is read-only. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/progress.h"

#define RL_NBD_BITMAP "changed"

typedef struct {
    int script;           /* what qemu-io is told: a file without a name */
    uint64_t size;        /* of the image, in whole sectors, in bytes */
    uint64_t granularity; /* bytes for a bit */
    uint64_t marked;      /* bytes of all bits that are to be set */
} RlNbdBitmap;

/**
 * rl_nbd_bitmap_find:
 * Finds where the file @to differs from @from, as rl_changes_find() does without its bytes, with
 * its errors. *@ret_bitmap is ended with rl_nbd_bitmap_clear().
 */
bool rl_nbd_bitmap_find(int from, int to, const RlProgress *progress, RlNbdBitmap *ret_bitmap,
                        GError **error);

/**
 * rl_nbd_bitmap_set:
 * Tells a qemu-storage-daemon, which has the nodes "disk" and "marks" and a server at the socket
 * @path, to export the disk with the bitmap. Its monitor reads @requests and writes @answers, which
 * are taken over. Looks whether each bit was set. False with RL_ERROR_UNSUPPORTED where there is no
 * qemu-io, RL_ERROR_INVALID where QEMU fails, or an errno.
 */
bool rl_nbd_bitmap_set(const RlNbdBitmap *bitmap, int requests, int answers, const char *path,
                       GError **error);

/**
 * rl_nbd_bitmap_clear:
 * Ends @bitmap.
 */
void rl_nbd_bitmap_clear(RlNbdBitmap *bitmap);
