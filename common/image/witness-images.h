/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images of a run as the process has them that sees writes fail (lost-write-witness.h): as
 * descriptors that are open for neither reading nor writing. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "common/format/image-owner.h"
#include "common/pool/pool.h"

/* So many of one run: unix(7), SCM_MAX_FD is 253. */
#define RL_WITNESS_IMAGES_MAX 250

/**
 * rl_witness_new:
 * Returns an empty list of descriptors, owned by the caller; they are closed with it.
 */
GArray *rl_witness_new(void);

/**
 * rl_witness_add:
 * Adds the dirty image of the volume @name to @images, if it is of a kind that is kept at the end
 * of a run. What cannot be opened is left out, and the log says so.
 */
void rl_witness_add(GArray *images, const RlPool *pool, const char *name);

/**
 * rl_witness_link:
 * The path that the open file @fd has now, as the kernel tells it, owned by the caller; NULL where
 * it does not. For messages, and for the name.
 */
char *rl_witness_link(int fd);

/**
 * rl_witness_mark:
 * Marks the image @fd suspect, whose fsync failed with @code, and says so in the log. False with
 * @error where that cannot be recorded.
 */
bool rl_witness_mark(int fd, int code, GError **error);

/**
 * rl_witness_image_ask:
 * Makes durable what was written to the image @fd if a run of @owner is on it, or for NULL any that
 * nobody writes to any more; else marks it. False with @error as rl_witness_mark().
 */
bool rl_witness_image_ask(int fd, const RlDomainRef *owner, GError **error);

/**
 * rl_witness_images_ask:
 * Does that for all of @images, also after one has failed.
 */
bool rl_witness_images_ask(const GArray *images, const RlDomainRef *owner, GError **error);
