/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which clean image a dirty image or precache was made from, and what that was like then: a clean
 * image that comes back from a backup can have the id, and be edited under a dirty image. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

/**
 * rl_image_base_get:
 * Returns the id of what the image @fd was made from in *@ret_id (owned by the caller), NULL where
 * that is not noted.
 */
bool rl_image_base_get(int fd, char **ret_id, GError **error);

/**
 * rl_image_base_is:
 * Says in *@ret_same whether the image @fd was made from the clean image with the id @id (may be
 * NULL) that @st is of: the id is noted, and so are its modification time (but
 * for the part of a second, where that was cut off since, rl_date_is_whole()) and its size. An
 * image of the version before this one has the id alone, and that decides. True also where nothing
 * is noted.
 */
bool rl_image_base_is(int fd, const char *id, const struct stat *st, bool *ret_same,
                      GError **error);

/**
 * rl_image_base_get_stat:
 * Reads the size and modification time of what the image @fd was made from, as they were then, into
 * *@ret_st, which has nothing else. *@ret_noted is false where they are not noted, as the version
 * before this one did.
 */
bool rl_image_base_get_stat(int fd, struct stat *ret_st, bool *ret_noted, GError **error);

/**
 * rl_image_base_set:
 * Notes that the image @fd was made from the clean image with the id @id that @st is of. A crash
 * between its two attributes leaves what matches neither the old clean image nor the new one, or
 * the id alone. Durable with the next fsync(2) of @fd.
 */
bool rl_image_base_set(int fd, const char *id, const struct stat *st, GError **error);

/**
 * rl_image_base_clear:
 * Takes the note off the image @fd.
 */
bool rl_image_base_clear(int fd, GError **error);
