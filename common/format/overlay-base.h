/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which image at rest an administrator's overlay was used on, and what that was like then: the name
 * of a clean image leads to another state after each commit, a renaming gives a state another name,
 * and one that is edited in place keeps its id. Noted on the overlay's file. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "image-base.h"

/* What is noted. */
typedef struct {
    RlImageBase state; /* no id where nothing is noted; no date from a version before this one */
    char *volume;      /* the name that its volume had */
} RlOverlayBase;

/**
 * rl_overlay_base_get:
 * Reads what the overlay @fd was used on into *@ret_base, to be cleared by the caller.
 */
bool rl_overlay_base_get(int fd, RlOverlayBase *ret_base, GError **error);

/**
 * rl_overlay_base_clear:
 * Frees what @base has.
 */
void rl_overlay_base_clear(RlOverlayBase *base);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlOverlayBase, rl_overlay_base_clear)

/**
 * rl_overlay_base_set:
 * Notes that the overlay @fd is used on the image of the volume @volume that has the id @id and the
 * status @st; writes nothing where @noted, which was read from it, says so already. A crash between
 * its two attributes leaves a date of another id, which counts as none. Durable with the next
 * fsync(2) of @fd.
 */
bool rl_overlay_base_set(int fd, const RlOverlayBase *noted, const char *id, const char *volume,
                         const struct stat *st, GError **error);

/**
 * rl_overlay_base_set_dirty:
 * Notes that the overlay @fd, of which nothing is noted, is used on the dirty image of the volume
 * @volume: no image at rest has the id that is noted then. Durable with the next fsync(2) of @fd.
 */
bool rl_overlay_base_set_dirty(int fd, const char *volume, GError **error);
