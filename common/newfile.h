/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* New files appear whole or not at all: they are made without a name, fsynced, and then get one. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Who may touch a new file; what is (uid_t) -1 or (gid_t) -1 is left as it is. */
typedef struct {
    mode_t mode;
    uid_t uid;
    gid_t gid;
} RlAccess;

#define RL_ACCESS_DEFAULT ((RlAccess){0600, (uid_t) -1, (gid_t) -1})

/**
 * rl_newfile_open:
 * Returns a file without a name in @dir, open for reading and writing, owned by the caller; the
 * kernel frees it when the last descriptor goes, a crash included. -1 with @error.
 */
int rl_newfile_open(int dir, const RlAccess *access, GError **error);

/**
 * rl_newfile_set_access:
 * Gives @fd the owner, group and mode of @access, in this order: chown(2) takes mode bits away.
 */
bool rl_newfile_set_access(int fd, const RlAccess *access, GError **error);

/**
 * rl_newfile_link:
 * Gives the unnamed and fsynced @fd the name @name in @dir; @dir is not synced. EEXIST where the
 * name is taken.
 */
bool rl_newfile_link(int fd, int dir, const char *name, GError **error);

/**
 * rl_newfile_replace:
 * Gives the unnamed and fsynced @fd the name @name in @dir in place of what has it, atomically, and
 * syncs @dir. On the way it has the name @temp; a crash leaves that, or the new state.
 */
bool rl_newfile_replace(int fd, int dir, const char *temp, const char *name, GError **error);

/**
 * rl_newfile_write:
 * Puts a small file with @text in place of @name in @dir: written, fsynced, renamed, @dir synced.
 */
bool rl_newfile_write(int dir, const char *name, const char *text, mode_t mode, GError **error);
