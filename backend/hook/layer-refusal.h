/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An overlay of an administrator's own does not lie on what it was used on: what is wrong, where
 * that is, and what to do. */
#pragma once

#include "common/format/overlay-base.h"
#include "common/pool/volume.h"

/* What the domain's definition puts on each other. */
typedef struct {
    const char *target;     /* of the disk */
    const char *overlay;    /* its path */
    const RlVolume *volume; /* of the image below it */
    const char *file;       /* that image */
    int fd;                 /* it, open */
    bool edited;            /* it is what the overlay was used on, and was changed in place since */
} RlLayer;

/**
 * rl_layer_refuse:
 * Always false, with RL_ERROR_STATE: the overlay of @layer was used on what is @noted. Unless it
 * was edited the message names the file that has the noted state, by its id, size and date, of the
 * same volume or of the noted one, if there is one.
 */
bool rl_layer_refuse(const RlLayer *layer, const RlOverlayBase *noted, GError **error);
