/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dirty image of a volume, opened, and what it says of itself: read once, and handed down. With
 * the volume's lock nothing else changes that; without it is a look at the past. */
#pragma once

#include "common/format/image-base.h"
#include "common/format/image-mark.h"
#include "volume.h"

typedef struct {
    RlLock *lock;           /* the volume's; NULL where it was opened without */
    const RlVolume *volume; /* has its status, as of its last look */
    int fd;                 /* readable; -1 where there is no dirty image */
    RlImageOwner *run;      /* who runs or ran on it, or NULL */
    RlMark
        mark; /* suspect also where it is noted elsewhere that it lost writes (lost-writes-note.h),
               * and of a copy that was made while its run was going on, so that it may be torn;
               * saved or kept also where the end of its run is to mark it (@unmarked) */
    bool unmarked;    /* it is noted in /run how its run ended, and the image says @written yet
                       * (unmarked-run.h) */
    RlMark written;   /* the mark that is on the image itself */
    char *below;      /* whose overlays are on it, as rl_overlays_get() reads it */
    RlImageBase base; /* what it was made from */
} RlDirtyImage;

/**
 * rl_dirty_image_open:
 * Opens the dirty image of @volume and reads what it says; *@ret_image, to be closed by the caller
 * (also after an error), has no descriptor where there is none, or, without the lock, none any
 * more.
 */
bool rl_dirty_image_open(const RlVolume *volume, RlDirtyImage *ret_image, GError **error);

/**
 * rl_dirty_image_lock:
 * Takes the lock of @volume for @what, as rl_volume_lock() does, and opens the dirty image with it,
 * as rl_dirty_image_open() does. The lock is the image's also where there is none.
 */
bool rl_dirty_image_lock(RlVolume *volume, const char *what, RlDirtyImage *ret_image,
                         GError **error);

/**
 * rl_dirty_image_close:
 * Closes @image and frees what it has, the lock last. Fine twice.
 */
void rl_dirty_image_close(RlDirtyImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlDirtyImage, rl_dirty_image_close)

/**
 * rl_dirty_image_is_of:
 * True if @owner runs or ran on @image.
 */
bool rl_dirty_image_is_of(const RlDirtyImage *image, const RlDomainRef *owner);

/**
 * rl_dirty_image_is_saved:
 * True if the domain of @image is saved, and is not known to have lost its memory.
 */
bool rl_dirty_image_is_saved(const RlDirtyImage *image);

/**
 * rl_dirty_image_find_defined:
 * Returns the name of a domain other than @owner (NULL: of any) whose disk is an overlay on @image
 * as libvirt's own files say (domains.h), owned by the caller; NULL where there is none. They are
 * read where a run is noted on it, it is kept for a next start, or nothing of ours is noted on it;
 * of a kept one without the domains that an administrator let go of (let-go.h).
 */
char *rl_dirty_image_find_defined(const RlDirtyImage *image, const RlDomainRef *owner);

/**
 * rl_dirty_image_let_go:
 * An administrator has decided that the overlay that rl_dirty_image_find_overlay() names does not
 * count: he was told of that one, and of no other. As long as the image is kept; what the domain
 * is defined with later counts again. A crash in between leaves the overlay noted.
 */
bool rl_dirty_image_let_go(const RlDirtyImage *image, GError **error);

/**
 * rl_dirty_image_find_overlay:
 * Returns the name of a domain whose disk is an overlay on @image, owned by the caller; NULL where
 * there is none: as the image tells, or rl_dirty_image_find_defined().
 */
char *rl_dirty_image_find_overlay(const RlDirtyImage *image);

/**
 * rl_dirty_image_find_own_overlay:
 * The same, of any domain, if @image notes that @owner has an overlay on it, or @owner ran on it
 * and nothing could be noted, since the host went down or the end is late (RlDomainRef.late); of
 * @owner, if it is kept for a next start; else NULL. @owner itself is about to use the image in
 * place, or has done so: after a merge libvirt's files name no overlay of it any more, before that
 * what is on the image would lose its base.
 */
char *rl_dirty_image_find_own_overlay(const RlDirtyImage *image, const RlDomainRef *owner);
