/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The highest number that an automatic revision of a volume was given so far, noted on its clean
 * image, and which inode that was noted on: an attribute travels with a copy (cp -a, rsync -X), and
 * a clean image that came back from a backup knows the numbers of its own time only. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * rl_highest_get:
 * Returns the number that is noted on the image @fd in *@ret_highest, 0 where there is none, and in
 * *@ret_sure whether it was noted on this very inode (its number and time of birth, statx(2)) and
 * that was not changed later than a moment after, as by a backup that was put back over the file.
 * Where it was not, by the version before this one, or the file system tells no time of birth,
 * there may be higher ones: the names on disk tell.
 */
bool rl_highest_get(int fd, uint64_t *ret_highest, bool *ret_sure, GError **error);

/**
 * rl_highest_set:
 * Notes on the image @fd that @highest, which the caller knows, is the highest number. A crash
 * between its two attributes leaves the number, and that it is not sure. Durable with the next
 * fsync(2) of @fd.
 */
bool rl_highest_set(int fd, uint64_t highest, GError **error);

/**
 * rl_highest_clear:
 * Takes the number off the image @fd, which is no clean image any more.
 */
bool rl_highest_clear(int fd, GError **error);
