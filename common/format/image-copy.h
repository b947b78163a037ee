/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which state a named revision is a copy of. An image that is edited in place keeps its id, and so
 * does a copy: the id alone says from which image it was made, and not that it has the content that
 * this one had at some other time. */
#pragma once

#include "image-base.h"

/**
 * rl_image_copy_note:
 * Notes that the new image @fd, whose content is complete, was made from the image at rest with the
 * id @id, which had the status @source then. Durable with the next fsync(2) of @fd.
 */
bool rl_image_copy_note(int fd, const char *id, const struct stat *source, GError **error);

/**
 * rl_image_copy_is:
 * True if the image @fd was made from the state @noted, by its id, size and date, and has the size
 * and date that it was made with. False in any doubt: it is of a version before this one, which
 * noted the id alone.
 */
bool rl_image_copy_is(int fd, const RlImageBase *noted);

/**
 * rl_image_copy_may_be:
 * True if the image @fd was made from the image with the id @id, whatever that had then.
 */
bool rl_image_copy_may_be(int fd, const char *id);
