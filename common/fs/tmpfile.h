/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* New files appear whole or not at all: they are made without a name (or, where that cannot be,
 * with a temporary one), fsynced, and then get their own. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "access.h"

/**
 * rl_tmpfile_open:
 * Returns a file without a name in @dir, open for reading and writing, owned by the caller; the
 * kernel frees it when the last descriptor goes, a crash included. -1 with @error.
 */
int rl_tmpfile_open(int dir, const RlAccess *access, GError **error);

/**
 * rl_tmpfile_open_for:
 * Returns a new file in @dir that is to become @final, open for reading and writing, owned by the
 * caller: from rl_tmpfile_open(), or from rl_tmpfile_open_named() where an AppArmor profile
 * confines us, which lets nobody give a name to a file without one unless it has the flag
 * mediate_deleted. -1 with @error.
 */
int rl_tmpfile_open_for(int dir, const char *final, const RlAccess *access, GError **error);

/**
 * rl_tmpfile_open_named:
 * As rl_tmpfile_open(), but the file has the name @final~ and six random characters; a crash leaves
 * it, and rl_volume_sweep() removes it.
 */
int rl_tmpfile_open_named(int dir, const char *final, const RlAccess *access, GError **error);

/**
 * rl_tmpfile_name:
 * Gives *@fd, a new file in @dir that is to become @final, a temporary name as that of
 * rl_tmpfile_open_named(), unless it has one. *@fd becomes another descriptor. @dir is not synced.
 */
bool rl_tmpfile_name(int *fd, int dir, const char *final, GError **error);

/**
 * rl_tmpfile_discard:
 * Takes the temporary name away that @fd, a new file in @dir, may still have. To be called where
 * nothing is to be left of it.
 */
void rl_tmpfile_discard(int fd, int dir);

/**
 * rl_tmpfile_seal:
 * Puts a descriptor for reading only in place of *@fd, a new file that is complete: before it gets
 * its name, so that to nobody who asks (lease.h) it looks like one that is written to. While *@fd
 * is open, flock(2) says that it is no litter.
 */
bool rl_tmpfile_seal(int *fd, GError **error);

/**
 * rl_tmpfile_remove_litter:
 * Removes the temporary @name in @dir, which was left: nobody has it open for writing, or sealed.
 * False where it stays.
 */
bool rl_tmpfile_remove_litter(int dir, const char *name);

/**
 * rl_tmpfile_link:
 * Gives the new and fsynced @fd the name @name in @dir; @dir is not synced. EEXIST where the
 * name is taken.
 */
bool rl_tmpfile_link(int fd, int dir, const char *name, GError **error);

/**
 * rl_tmpfile_replace:
 * Gives the new and fsynced @fd the name @name in @dir in place of what has it, atomically, and
 * syncs @dir. On the way it has the name @temp; a crash leaves that, or the new state.
 */
bool rl_tmpfile_replace(int fd, int dir, const char *temp, const char *name, GError **error);

/**
 * rl_tmpfile_write:
 * Puts a small file with @text in place of @name in @dir: written, fsynced, renamed, @dir synced.
 */
bool rl_tmpfile_write(int dir, const char *name, const char *text, mode_t mode, GError **error);
