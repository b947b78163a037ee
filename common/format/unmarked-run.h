/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs that ended so that their dirty images must stay as they are (the domain was saved, or it is
 * unknown how the run ended), but whose images may not say so: the hook program was killed or was
 * missing at `release`, the file system took no attribute, or a lock could not be taken. The hook
 * program notes such an end in /run before it is to mark the images, and removes the note when each
 * image is marked. After a boot of the host it is not known any more. */
#pragma once

#include "image-owner.h"

/* The note is a file RL_UNMARKED_NAME-DRIVER-UUID (paths.h) with a key file of one group. */
#define RL_UNMARKED_GROUP "run"
#define RL_UNMARKED_BOOT "boot"     /* the boot of the host */
#define RL_UNMARKED_UNTIL "until"   /* when the run ended, in microseconds of that boot's clock */
#define RL_UNMARKED_ENDING "ending" /* how: RL_UNMARKED_SAVED, or anything else for unknown */
#define RL_UNMARKED_SAVED "saved"

typedef enum {
    RL_UNMARKED_NOT, /* nothing is noted of the run */
    RL_UNMARKED_IS_SAVED,
    RL_UNMARKED_IS_KEPT,
} RlUnmarked;

/**
 * rl_unmarked_run_get:
 * Says what the end of @run, as it is written on an image, asks of that image, in *@ret_unmarked; a
 * note that is damaged says that the domain was saved. Where there is no note it costs one open(2)
 * that fails. False with an errno where that cannot be told.
 */
bool rl_unmarked_run_get(const RlImageOwner *run, RlUnmarked *ret_unmarked, GError **error);
