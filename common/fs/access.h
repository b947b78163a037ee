/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may touch an image: its owner, its group, the permission bits and the access list (acl(5)).
 *
 * What an image has when it is at rest never comes from a dirty image, which belongs to a device
 * model: it comes from the clean one, from a record, or from a note (access-note.h). An access list
 * goes with the rest. Where an image has one, the group bits of st_mode are the list's mask, not
 * the group's rights: they mean nothing without the list. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Who may touch a new file, which has no access list; what is (uid_t) -1 or (gid_t) -1 is left as
 * it is. Only the permission bits of @mode count: no image is setuid, setgid or sticky. */
typedef struct {
    mode_t mode;
    uid_t uid;
    gid_t gid;
} RlAccess;

#define RL_ACCESS_DEFAULT ((RlAccess){0600, (uid_t) -1, (gid_t) -1})

/**
 * rl_access_set:
 * Gives the file @fd the owner, group and mode of @access, and no access list. Does nothing where
 * that is so. On the way the file is never open to more users than before or after. Durable with
 * the next fsync(2) of @fd. False with the errno of what failed.
 */
bool rl_access_set(int fd, const RlAccess *access, GError **error);

/**
 * rl_access_copy:
 * Gives the file @to the owner, group, permission bits and access list that the file @from has, or
 * as long as something is noted on that, what is noted. The rest is as in rl_access_set().
 */
bool rl_access_copy(int from, int to, GError **error);

/**
 * rl_access_is_same:
 * True if rl_access_copy() would have nothing to do. Any doubt is no.
 */
bool rl_access_is_same(int from, int to);

/**
 * rl_access_of:
 * Returns in *@ret_access what the file @name in @dir, whose status is @st, gives to its owner, its
 * group and others: with an access list the group's own entry as far as the mask lets it. The file
 * is not opened.
 */
void rl_access_of(int dir, const char *name, const struct stat *st, RlAccess *ret_access);
