/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is there after an operation that was disturbed, and what becomes of it afterwards. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * look_state:
 * Returns the state of the pool below @work as text, owned by the caller: its options and mark,
 * short paths, external snapshots' files, and rl_model_describe(); "no pool" where there is none.
 * NULL with @error if rl_model_check() refuses it, if the marker has another mark than the
 * directory, or if a saved image says that it is of another save: the memory that was saved when
 * the image was TAG is called "of TAG".
 */
char *look_state(const char *work, GError **error);

/**
 * look_tidy:
 * Does what the worker does for each volume, and for those that only leftovers tell of; where a
 * marker was left, what an edit of the pool does. False with @error if that fails, or if leftovers
 * stay. Directories may: they go with the next volume that is deleted from them, or the pool.
 */
bool look_tidy(const char *work, GError **error);

/**
 * look_use:
 * Uses each volume as its users would: a person decides what is suspect, what was left is stopped,
 * and then each has a run that is committed, or dropped, by its kind. False with @error if anything
 * of that fails or a revision is not what was committed before.
 */
bool look_use(const char *work, GError **error);

/**
 * look_without_links:
 * Returns @text without the revisions that are the clean image itself, owned by the caller.
 */
char *look_without_links(const char *text);

/**
 * look_unnumbered:
 * Returns @text without the numbers of automatic revisions, owned by the caller.
 */
char *look_unnumbered(const char *text);

/**
 * look_volumes:
 * Returns @text without revisions, owned by the caller.
 */
char *look_volumes(const char *text);

/**
 * look_kindless:
 * Returns @text without what tells persistent volumes from direct ones, owned by the caller.
 */
char *look_kindless(const char *text);

/**
 * look_left:
 * Returns @text with what is running told as left, and what is restored as kept, owned by the
 * caller.
 */
char *look_left(const char *text);

/**
 * look_suspect:
 * Returns @text with what is running or left told as suspect, and unheld, owned by the caller.
 */
char *look_suspect(const char *text);

/**
 * look_is_part:
 * True if @text is a part of the way from @before to @after: each of its lines is in one of them,
 * or is a volume of @before without its dirty image; and what is in both is in it.
 */
bool look_is_part(const char *text, const char *before, const char *after);
