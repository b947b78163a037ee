/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images of volumes, for commands that look at each of them. */
#pragma once

#include "backend/cli/json.h"
#include "common/base/progress.h"
#include "common/pool/volume.h"

typedef struct {
    const RlVolume *volume;
    const char *role;           /* "clean", "dirty", "precache" or "revision" */
    const RlRevision *revision; /* or NULL */
    const char *file;
    const struct stat *st;
} RlShownImage;

/* What is wanted. */
typedef struct {
    const char *volume; /* of this one alone; NULL: of all */
    bool precaches, revisions;
    /* Called for each image with a descriptor to read it, and with what is to be told how far it
     * has got in that; false with @error ends the walk. */
    bool (*function)(const RlShownImage *image, int fd, const RlProgress *progress, void *data,
                     GError **error);
    void *data;
    RlProgress progress; /* of all of them, in bytes of their sizes */
    uint64_t size, done; /* the walk's own */
} RlEachImage;

/**
 * rl_each_image:
 * Calls @each->function for the images of volumes of @pool, by name. Waits first until the file
 * system has freed what was removed before, so that nothing counts as shared with that. An image
 * that is gone meanwhile is passed over. RL_ERROR_NOT_FOUND where there is no volume @each->volume;
 * errors name the volume.
 */
bool rl_each_image(const RlPool *pool, RlEachImage *each, GError **error);

/**
 * rl_shown_image_name:
 * "VOLUME", "VOLUME@REVISION" or "VOLUME (dirty)"; owned by the caller.
 */
char *rl_shown_image_name(const RlShownImage *image);

/**
 * rl_shown_image_json:
 * Writes the members that say which image it is, and its size, into the object that was begun.
 */
void rl_shown_image_json(RlJson *json, const RlShownImage *image);
