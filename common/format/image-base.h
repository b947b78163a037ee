/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which clean image a dirty image or precache was made from, and what that was like then: a clean
 * image that comes back from a backup can have the id, and be edited under a dirty image. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

/* What is noted. */
typedef struct {
    char *id;   /* of the clean image; NULL where that is not noted */
    char *date; /* its size and date then; NULL from the version before this one */
} RlImageBase;

/**
 * rl_image_base_get:
 * Reads what the image @fd was made from into *@ret_base, to be cleared by the caller.
 */
bool rl_image_base_get(int fd, RlImageBase *ret_base, GError **error);

/**
 * rl_image_base_free_members:
 * Frees what @base has.
 */
void rl_image_base_free_members(RlImageBase *base);

/**
 * rl_image_base_is:
 * True if the image that says @base was made from the clean image with the id @id (may be NULL)
 * that @st is of: the id is noted, and so are its modification time (but for the part of a second,
 * where that was cut off since, rl_date_is_whole()) and its size. An image of the version before
 * this one has the id alone, and that decides. True also where nothing is noted.
 */
bool rl_image_base_is(const RlImageBase *base, const char *id, const struct stat *st);

/**
 * rl_image_base_stat:
 * Gives the size and modification time of what the image that says @base was made from, as they
 * were then, in *@ret_st, which has nothing else. False where they are not noted.
 */
bool rl_image_base_stat(const RlImageBase *base, struct stat *ret_st);

/**
 * rl_image_base_set:
 * Notes that the image @fd was made from the clean image with the id @id that @st is of. A crash
 * between its two attributes leaves what matches neither the old clean image nor the new one, or
 * the id alone. Durable with the next fsync(2) of @fd.
 */
bool rl_image_base_set(int fd, const char *id, const struct stat *st, GError **error);

/**
 * rl_image_base_clear:
 * Takes the note off the image @fd, and that of image-made.h.
 */
bool rl_image_base_clear(int fd, GError **error);

/**
 * rl_image_base_date:
 * Size and modification time of @st as they are noted, owned by the caller.
 */
char *rl_image_base_date(const struct stat *st);
