/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another file with the same content takes the place of a clean image at rest, and no revision is
 * made: the image gets another size, or is shared with nobody any more. */
#pragma once

#include "common/pool/volume.h"

/* What is to be different. */
typedef struct {
    const char *purpose; /* for the lock */
    /* Changes the new image @fd, which has no name yet; may be NULL. */
    bool (*reshape)(int fd, const RlVolume *volume, void *data, GError **error);
    void *data;
} RlReshape;

/**
 * rl_replace_clean:
 * Puts a reflink of the clean image of @volume, changed as @how says, in its place. *@ret_done is
 * false where the volume was started, changed or deleted meanwhile: the caller looks again. Clones
 * without the lock. RL_ERROR_BUSY where a process has the clean image open for writing;
 * RL_ERROR_UNSUPPORTED without reflinks and fallback; an errno.
 *
 * Steps, and what a crash after each leaves:
 * - an unnamed file: clone, new id, reshape, fsync: the old state.
 * - lock; access and highest number as they are now; link under a temporary name: the old state,
 *   and a temporary.
 * - rename over the clean image, fsync(directory): the old or the new state.
 */
bool rl_replace_clean(RlVolume *volume, const RlReshape *how, bool *ret_done, GError **error);
