/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths below a pool, walked by descriptor: nothing in a pool can lead out of it. openat2(2) with
 * RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS does the walking. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

/**
 * rl_dirfd_open:
 * Returns a readable descriptor of the directory @path below @root, owned by the caller; -1 with
 * @error: ENOENT where it is missing, ELOOP or EXDEV where something tries to lead out.
 */
int rl_dirfd_open(int root, const char *path, GError **error);

/**
 * rl_dirfd_make:
 * As rl_dirfd_open(), but makes what is missing, mode 0755 less the umask. Every directory that was
 * made is durable when this returns: its parent was fsynced. A crash in between leaves empty
 * directories.
 */
int rl_dirfd_make(int root, const char *path, GError **error);

/**
 * rl_dirfd_remove_empty:
 * Removes @path and then its parents as long as they are empty, but none of the first level.
 * Failures only end it: an empty directory that stays is no harm.
 */
void rl_dirfd_remove_empty(int root, const char *path);

/**
 * rl_dirfd_open_file:
 * Returns a descriptor of the regular file @name in @dir, owned by the caller, opened with @flags
 * (O_CLOEXEC and O_NONBLOCK are added). -1 with @error: ENOENT; ELOOP for a symbolic link;
 * RL_ERROR_INVALID for what is no regular file, which is not opened.
 */
int rl_dirfd_open_file(int dir, const char *name, int flags, GError **error);

/**
 * rl_dirfd_open_file_at_once:
 * As rl_dirfd_open_file(), which waits a second for a lease on the file to end: EWOULDBLOCK then.
 * For files of which another user can have put many there.
 */
int rl_dirfd_open_file_at_once(int dir, const char *name, int flags, GError **error);

/**
 * rl_dirfd_read_file:
 * Returns the whole of the regular file @name, NUL-terminated, owned by the caller, and its size in
 * @ret_length. NULL with @error as rl_dirfd_open_file() has it, and RL_ERROR_INVALID for a file of
 * more than @limit bytes.
 */
char *rl_dirfd_read_file(int dir, const char *name, size_t limit, size_t *ret_length,
                         GError **error);

/**
 * rl_dirfd_read_opened:
 * The same for a file that is open as @fd; @name is for the message.
 */
char *rl_dirfd_read_opened(int fd, const char *name, size_t limit, size_t *ret_length,
                           GError **error);

/**
 * rl_dirfd_stat:
 * Looks at @name in @dir without opening it. Returns true with *@ret_there, and *@ret_st where it
 * is a regular file; anything else under that name is RL_ERROR_INVALID.
 */
bool rl_dirfd_stat(int dir, const char *name, bool *ret_there, struct stat *ret_st, GError **error);

/**
 * rl_dirfd_sync:
 * fsync(2) of @dir; @path is for the message.
 */
bool rl_dirfd_sync(int dir, const char *path, GError **error);
