/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another file with the same content takes the place of a clean image at rest, and no revision is
 * made: the image gets another size, is shared with nobody any more, or lies elsewhere on the disk.
 * But for an image that a domain has below an overlay: that needs this very state, and it becomes a
 * revision. */
#pragma once

#include "common/image/dirty-image.h"
#include "common/pool/volume.h"

/* What is to be different. */
typedef struct {
    const char *purpose; /* for the lock */
    /* What the volume is to be, for the refusal where a domain has an overlay on the clean image by
     * the time that it is replaced (rl_state_require_no_base()); NULL where that is no matter. */
    const char *what;
    /* Changes the new image @fd, a reflink of @base that has no name yet; may be NULL. */
    bool (*reshape)(int fd, const RlBase *base, const RlVolume *volume, void *data, GError **error);
    void *data;
    /* No byte is another: for all who noted the state of the image (its id, size and date, and as
     * what it was received) it is the same. But an image with a second name, which may be a
     * revision already, gives its id to no other. The precache, which shares the old one's blocks,
     * is dropped, and an image below an overlay stays as it is. */
    bool same_state;
} RlReshape;

/**
 * rl_reshape_clean:
 * Puts a reflink of the clean image of @volume, changed as @how says, in its place. *@ret_done is
 * false where the volume was started, changed or deleted meanwhile: the caller looks again. So it
 * is where an image that is to keep its state is below an overlay. Clones
 * without the lock. RL_ERROR_BUSY where a process has the clean image open for writing;
 * RL_ERROR_UNSUPPORTED without reflinks and fallback; an errno.
 *
 * Steps, and what a crash after each leaves:
 * - an unnamed file: clone, new id, reshape, fsync: the old state.
 * - lock; access and highest number as they are now; of a layer, link the clean image to the name
 *   of its next revision: the old state, and a revision that is the clean image itself.
 * - with @how->same_state drop the precache: the old state, and a temporary.
 * - link under a temporary name: the same, and a temporary.
 * - rename over the clean image, fsync(directory): the old or the new state.
 */
bool rl_reshape_clean(RlVolume *volume, const RlReshape *how, bool *ret_done, GError **error);
