/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The image at rest that a read-only disk of a domain is: a clean one, a revision or a named one,
 * by its path or as a volume. */
#pragma once

#include "common/pool/volume.h"
#include "xml/domain.h"

typedef struct {
    RlPool *pool;
    RlVolume *volume; /* NULL: the disk is no such image */
    char *file;       /* its name */
    bool whole;       /* it is the dirty image, which a start makes */
    guint64 index;    /* that the disk has (RlDisk) */
} RlReadDisk;

/**
 * rl_read_disk_find:
 * Fills @read, which is all zero, with what the read-only disk @disk is. It need not exist. False
 * with @error where that cannot be told.
 */
bool rl_read_disk_find(const RlDisk *disk, RlReadDisk *read, GError **error);

/**
 * rl_read_disk_settle:
 * @domain has had @read while it ran. In a pool whose paths are links (volume-path.h) it may have
 * been given the volume while that was at rest, and then it has the clean image: turns @read into
 * that, unless the run on the dirty image is the domain's.
 */
void rl_read_disk_settle(const RlDomain *domain, RlReadDisk *read);

/**
 * rl_read_disk_clear:
 * Frees what @read has.
 */
void rl_read_disk_clear(RlReadDisk *read);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlReadDisk, rl_read_disk_clear)
