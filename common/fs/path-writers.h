/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who can make a path lead elsewhere between a look at it and its opening. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct {
    bool anyone; /* any user but root; the others count for nothing then */
    uid_t uid;
    GArray *gids; /* gid_t: the groups of that user */
} RlWriter;

/**
 * rl_path_can_be_changed:
 * True if @writer can change what the absolute @path leads to: he may write to a directory on its
 * way, before or behind symbolic links, and the name there is his, is missing, or the directory is
 * not sticky. An access list that permits anything to write counts as permitting him. So does every
 * doubt, as a path that cannot be followed. Whose the file itself is does not matter.
 */
bool rl_path_can_be_changed(const char *path, const RlWriter *writer);

/**
 * rl_path_is_changed_by_same:
 * True if whoever can change what the absolute @path leads to, root aside, can do that with @known
 * as well, another absolute path: he owns a directory on the way of both, or may write there by the
 * same group, or the way of @known is anyone's. @known may be NULL: then nobody is to be able to. A
 * doubt is false.
 */
bool rl_path_is_changed_by_same(const char *path, const char *known);

/**
 * rl_path_open_by_roots_links:
 * Opens @path as open(2) does with @flags, but for symbolic links on the way that another user than
 * root can have put there: then, and in a circle of links, the errno is ELOOP. Returns the
 * descriptor, owned by the caller, or -1 with errno. Needs /proc.
 */
int rl_path_open_by_roots_links(const char *path, int flags);

/**
 * rl_writer_set_user:
 * Makes @writer, which is all zero, the user @uid, with the groups that the system gives him.
 */
void rl_writer_set_user(RlWriter *writer, uid_t uid);

/**
 * rl_writer_clear:
 * Frees what @writer points to.
 */
void rl_writer_clear(RlWriter *writer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlWriter, rl_writer_clear)
