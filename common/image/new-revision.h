/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clean image becomes an automatic revision: its number, and its second name. */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_new_revision_number:
 * The number of the revision that the clean image @fd of @volume becomes next. Found in the image's
 * own attribute; where that is missing or came with a copy, or a commit was cut off, among the
 * names on disk.
 * *@ret_linked is true where the newest revision is the clean image itself already. The caller has
 * the lock.
 */
bool rl_new_revision_number(const RlVolume *volume, int fd, uint64_t *ret_number, bool *ret_linked,
                            GError **error);

/**
 * rl_new_revision_known_highest:
 * As rl_new_revision_highest(), but looks at the names on disk only where what is noted on @fd came
 * with a copy, or is from the version before this one. For an image that stays the volume's own.
 */
bool rl_new_revision_known_highest(const RlVolume *volume, int fd, uint64_t *ret_highest,
                                   GError **error);

/**
 * rl_new_revision_highest:
 * The highest number that a revision of @volume has been given, as far as its clean image @fd can
 * tell: a link that was made and not yet followed by a commit counts. For a new clean image that
 * makes no revision of the old one.
 */
bool rl_new_revision_highest(const RlVolume *volume, int fd, uint64_t *ret_highest, GError **error);

/**
 * rl_new_revision_unlink:
 * Takes the name of revision @number from the clean image @fd of @volume, if it has that: what has
 * begun to replace it is not to be. The number counts as given. The caller has the lock. False with
 * an errno.
 */
bool rl_new_revision_unlink(const RlVolume *volume, int fd, uint64_t number, GError **error);

/**
 * rl_new_revision_keep_highest:
 * Sees that @to, which is to take the place of the clean image @fd of @volume and was made without
 * the lock, knows the highest number too if one was given meanwhile. The caller has the lock.
 */
bool rl_new_revision_keep_highest(const RlVolume *volume, int fd, int to, GError **error);

/**
 * rl_new_revision_make:
 * Makes the clean image @fd of @volume its automatic revision *@number, if it is not that already
 * (@linked), and takes from it what only a clean image has; both as rl_new_revision_number() has
 * said with this lock. *@number becomes another one where the name of that is taken. The caller
 * puts something else in the clean image's place.
 */
bool rl_new_revision_make(const RlVolume *volume, int fd, bool linked, uint64_t *number,
                          GError **error);

/**
 * rl_new_revision_link:
 * Links the clean image to the name of revision @number. The caller has the lock.
 */
bool rl_new_revision_link(const RlVolume *volume, uint64_t number, GError **error);
