/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that is to become a volume. It comes from elsewhere, and may be somebody's who has it
 * open: what is checked of it has to be what qemu-img reads after that. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/pool/pool.h"

typedef struct {
    const char *path;
    const char *format; /* as qemu-img calls it */
    uint64_t size;      /* of its disk, in bytes; not set for raw */
    int fd;             /* of what is read, which nobody can write to: the file, or a copy; of a raw
                           one the file as it is */
    bool leased;
    struct stat st; /* of the file, before it was read */
} RlImportSource;

/**
 * rl_import_source_open:
 * Opens @source->path in @source->format, for a volume of @pool. An image that is not raw can name
 * other files, and qemu-img, which is root's, would open them. So nobody can change it from the
 * first look at its header on: it has a lease (fcntl(2), F_SETLEASE), and no page in memory that
 * may still be filled (docs/security.md); or, where that cannot be had (block devices, network file
 * systems, tmpfs), it is a copy without a name in the directory of @pool. False with RL_ERROR_BUSY
 * where a process has it open for writing, RL_ERROR_INVALID where it is no file or block device, or
 * is there by a link that another user than root can have made, those of rl_qemu_img_size(), or an
 * errno. To be closed in any case.
 */
bool rl_import_source_open(RlImportSource *source, const RlPool *pool, GError **error);

/**
 * rl_import_source_require_same:
 * For when all of @source was read: true if nobody has written to it meanwhile, or wants to. Else
 * false with RL_ERROR_BUSY, or an errno.
 */
bool rl_import_source_require_same(const RlImportSource *source, GError **error);

/**
 * rl_import_source_close:
 * Closes @source; a copy is gone with that.
 */
void rl_import_source_close(RlImportSource *source);
