/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything that says who may touch a file: owner, group, permission bits and access list. For
 * access.c and access-note.c. */
#pragma once

#include "access.h"

typedef struct {
    RlAccess access;
    GByteArray *list; /* the access list as the kernel has it, NULL where there is none */
} RlFullAccess;

/**
 * rl_full_access_clear:
 * Frees what @full points to.
 */
void rl_full_access_clear(RlFullAccess *full);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlFullAccess, rl_full_access_clear)

/**
 * rl_full_access_get:
 * Reads what the file @fd has, and in *@ret_bits all bits of its mode, setuid ones too. False with
 * an errno.
 */
bool rl_full_access_get(int fd, RlFullAccess *ret_full, mode_t *ret_bits, GError **error);

/**
 * rl_full_access_set:
 * Gives the file @fd what @wanted says, as rl_access_set() does.
 */
bool rl_full_access_set(int fd, const RlFullAccess *wanted, GError **error);

/**
 * rl_access_list_get:
 * Reads the access list of the file at @path, or of @fd where @path is NULL. *@ret_list, owned by
 * the caller, is NULL where there is no list, also on a file system that knows none. False with an
 * errno.
 */
bool rl_access_list_get(int fd, const char *path, GByteArray **ret_list, GError **error);

/**
 * rl_access_lists_are_equal:
 * True if the lists are the same, or both NULL.
 */
bool rl_access_lists_are_equal(const GByteArray *a, const GByteArray *b);

/**
 * rl_access_mode_without_list:
 * Returns the permission bits that a file with @mode and the access list @list (may be NULL) gives
 * to its owner, its group and others (acl(5)): with a mask the group's rights are those of its own
 * entry that the mask has as well.
 */
mode_t rl_access_mode_without_list(mode_t mode, const GByteArray *list);

/**
 * rl_access_owner_fits:
 * True if @now has the owner and group of @wanted, as far as that names them.
 */
bool rl_access_owner_fits(const RlAccess *now, const RlAccess *wanted);
