/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image that was dropped (temporary-files.h), and is nobody's: it may be written over. */
#pragma once

#include "common/pool/volume.h"

typedef struct {
    int fd;     /* open for writing, with a lease (rl_lease_take()) */
    char *file; /* its temporary name */
} RlSpareImage;

/**
 * rl_spare_take:
 * Looks among the temporaries of @volume for the one that was written to last, and opens it into
 * *@ret_spare, to be closed by the caller. What is kept of a stream (partial-image.h) is not looked
 * at. False where there is none, or any of this is not known of it: it has one name; nobody else
 * has it open; no reader of it is noted; no page of it is in memory, which what a device model has
 * begun could still fill; it has neither flags nor a project that a new file would not have; and of
 * attributes only those of a plain revision or precache, and the SELinux label of the file @clean.
 * It is as it was.
 */
bool rl_spare_take(const RlVolume *volume, int clean, RlSpareImage *ret_spare);

/**
 * rl_spare_is_ours:
 * True if since rl_spare_take() nobody else has opened @spare, or waits to, and it has that one
 * name.
 */
bool rl_spare_is_ours(const RlVolume *volume, const RlSpareImage *spare);

/**
 * rl_spare_strip:
 * Takes all that is noted on @spare off it. False with an errno.
 */
bool rl_spare_strip(const RlSpareImage *spare, GError **error);

/**
 * rl_spare_close:
 * Gives it back. If it still has its temporary name the next rl_volume_sweep() removes it.
 */
void rl_spare_close(RlSpareImage *spare);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlSpareImage, rl_spare_close)
