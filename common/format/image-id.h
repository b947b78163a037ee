/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which image was made from which: every clean image carries a random id, and what is made from it
 * names it. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * rl_image_id_get:
 * Returns the id of the image @fd in *@ret_id (owned by the caller), NULL where it has none yet.
 */
bool rl_image_id_get(int fd, char **ret_id, GError **error);

/**
 * rl_image_id_ensure:
 * As rl_image_id_get(), but gives the image an id where it has none, and makes that durable. Two
 * processes that do so at once agree.
 */
bool rl_image_id_ensure(int fd, char **ret_id, GError **error);

/**
 * rl_image_id_new:
 * Gives the image @fd, which is new, an id of its own and the highest revision number @highest,
 * notes that it is a clean image since now, and
 * takes away what was said of it as a dirty image
 * (but not the size that was wished for, without which a commit that is cut off would leave it
 * looking damaged). Durable with the next fsync(2) of @fd.
 */
bool rl_image_id_new(int fd, uint64_t highest, GError **error);

/**
 * rl_image_id_renew:
 * As rl_image_id_new(), but leaves what says which clean image it was made from (image-base.h). For
 * a dirty image that is to take that one's place: if it is cut off before that, somebody may put
 * another one there. The caller clears it afterwards; on a clean image it says nothing.
 */
bool rl_image_id_renew(int fd, uint64_t highest, GError **error);
