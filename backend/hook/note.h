/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one call of the hook leaves for the next ones: small files in a directory of root's that a
 * boot of the host empties (common/base/paths.h). No run outlives that. Their names are words of
 * ours with a driver's name and a UUID, none of which has characters that a path could mind. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_note_write:
 * Puts @text into the note @name, in place of what was there, as a whole or not at all. False with
 * an errno.
 */
bool rl_note_write(const char *name, const char *text, GError **error);

/**
 * rl_note_write_over:
 * Puts @text, of less than a page, into the note @name, which is there: in place, for where there
 * is no room for a new file. False with an errno.
 */
bool rl_note_write_over(const char *name, const char *text, GError **error);

/**
 * rl_note_rename:
 * Gives the note @name the name @to, in place of what has that. False with an errno.
 */
bool rl_note_rename(const char *name, const char *to, GError **error);

/**
 * rl_note_read:
 * Returns what is in the note @name, up to @size_max bytes and with a NUL behind them, owned by the
 * caller; *@ret_length is its length. NULL with an errno, ENOENT where there is none.
 */
char *rl_note_read(const char *name, size_t size_max, size_t *ret_length, GError **error);

/**
 * rl_note_is_there:
 * True if there is a note @name. Any doubt is no.
 */
bool rl_note_is_there(const char *name);

/**
 * rl_note_remove:
 * Removes the note @name. True if it was there; a failure is logged.
 */
bool rl_note_remove(const char *name);
