/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Extended attributes of images, in the name space that neither a guest nor its device model can
 * reach: trusted.libvirt-reflink.* (xattr(7): CAP_SYS_ADMIN only). */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define RL_ATTR_PREFIX "trusted.libvirt-reflink."

#define RL_ATTR_ID "id" /* of a clean image and the revisions it becomes: random, 32 hex digits */
#define RL_ATTR_HIGHEST "highest" /* of a clean image: the highest revision number given so far */
#define RL_ATTR_CLEAN_SINCE                                                                     \
    "clean-since" /* of an image at rest: when it became a clean one, or was renamed with its   \
                   * volume, in microseconds of the clock; of one that was made of another (the \
                   * precache, remake-precache.h): when that was */
#define RL_ATTR_HIGHEST_OF \
    "highest-of" /* and the inode that this was noted on, see highest-note.h */
#define RL_ATTR_BASE                                                             \
    "base" /* of a dirty image or precache: the id of the image it was made from \
            */
#define RL_ATTR_BASE_DATE "base-date" /* and its date and size then, see image-base.h */
#define RL_ATTR_MADE "made"           /* and when and how, see image-made.h */
#define RL_ATTR_RUN "run"             /* of a dirty image: who runs on it, see image-owner.h */
#define RL_ATTR_USED_BY \
    "used-by" /* of an image: which domain has had this inode, see image-domain.h */
#define RL_ATTR_ON                                                                               \
    "on" /* of an administrator's overlay: the id of the image at rest below it, and its volume; \
          * or "dirty", and the volume (overlay-base.h) */
#define RL_ATTR_ON_DATE "on-date" /* and that id, and its size and date, see overlay-base.h */
#define RL_ATTR_COPY_OF "copy-of" /* of a named revision: the id of the state it was made from */
#define RL_ATTR_COPY_DATE "copy-date" /* and that id, both sizes and dates, see image-copy.h */
#define RL_ATTR_LAYER "layer" /* of an image at rest: it is not pruned, since a domain reads it */
#define RL_ATTR_HOLD "hold"   /* of a dirty image: saved, suspect, ..., see image-mark.h */
#define RL_ATTR_SAVE_FILE "save-file" /* of a saved one: where its domain's memory is */
#define RL_ATTR_SAVE_DIR "save-dir"   /* and the directory: inode number, time of birth */
#define RL_ATTR_RESTORE "restore"     /* of a saved one: when its restore was announced */
#define RL_ATTR_KEPT_OF "kept-of"     /* of a kept one: of whose run, see image-mark.h */
#define RL_ATTR_SAVE "save"           /* of a dirty image: which save it was part of, see save.h */
#define RL_ATTR_BELOW \
    "below" /* of a dirty image: whose disks are overlays on it, see image-overlays.h */
#define RL_ATTR_LET_GO \
    "let-go" /* of a kept dirty image: whose overlays on it are given up, and when: let-go.h */
#define RL_ATTR_OVERLAY \
    "overlay" /* of what is no clean image: whose snapshot's file it is, see overlay-file.h */
#define RL_ATTR_OVERLAY_OF "overlay-of" /* and its UUID: its name can become another's */
#define RL_ATTR_LINKS \
    "links" /* of a clean image: how many links were found to be no other volume's */
#define RL_ATTR_LINKS_AT "links-at" /* and when that was, in microseconds of the clock */
#define RL_ATTR_ACCESS                                                                            \
    "access" /* of a direct volume's dirty image, and of one at rest that is read: whose it is at \
              * rest, see access-note.h and reader.h */
#define RL_ATTR_POOL "pool" /* of a pool's directory: its mark, see pool-mark.h */
#define RL_ATTR_RECEIVED \
    "received" /* of an image at rest: as which state it was received, see state-id.h */
#define RL_ATTR_PARTIAL "partial" /* of a temporary: which part of a stream, see partial-note.h */
#define RL_ATTR_SIZE "size"       /* of a dirty image: the size in bytes it was asked to have */

/**
 * rl_xattr_get:
 * Reads @key of @fd. Returns true with *@ret_value (owned by the caller), NULL where there is none.
 */
bool rl_xattr_get(int fd, const char *key, char **ret_value, GError **error);

/**
 * rl_xattr_get_at:
 * As rl_xattr_get(), for the entry @name of @dir, which is not opened.
 */
bool rl_xattr_get_at(int dir, const char *name, const char *key, char **ret_value, GError **error);

/**
 * rl_xattr_set:
 * Sets @key of @fd to @value. It is durable with the next fsync(2) of @fd.
 */
bool rl_xattr_set(int fd, const char *key, const char *value, GError **error);

/**
 * rl_xattr_set_new:
 * As rl_xattr_set(), but leaves a value that is already there; *@ret_set says which.
 */
bool rl_xattr_set_new(int fd, const char *key, const char *value, bool *ret_set, GError **error);

/**
 * rl_xattr_remove:
 * Removes @key of @fd; fine where there is none.
 */
bool rl_xattr_remove(int fd, const char *key, GError **error);

/**
 * rl_xattr_remove_all:
 * Removes the @count @keys of @fd, in this order. Those that are not there cost nothing but one
 * list of all that are, if that proves to be complete.
 */
bool rl_xattr_remove_all(int fd, const char *const *keys, size_t count, GError **error);

/**
 * rl_xattr_has_any:
 * Says in *@ret_any whether @fd has any attribute of ours.
 */
bool rl_xattr_has_any(int fd, bool *ret_any, GError **error);

/**
 * rl_xattr_has_any_at_path:
 * The same for the file @path, which is not opened; a symbolic link is not followed. A file system
 * without attributes has none.
 */
bool rl_xattr_has_any_at_path(const char *path, bool *ret_any, GError **error);

/**
 * rl_xattr_copy:
 * Gives the file @to all attributes that a dirty image can have (those above, but for
 * "highest-of", "made", "used-by" and "access", which are of one inode, "links", "links-at",
 * "overlay", "received" and "pool") with the values that @from has. Durable with the next fsync(2)
 * of @to.
 */
bool rl_xattr_copy(int from, int to, GError **error);

/**
 * rl_xattr_list:
 * Returns the names of all attributes of @fd, a list that ends with NULL and is owned by the
 * caller; NULL with the errno: E2BIG where a file has more than can be listed.
 */
GStrv rl_xattr_list(int fd, GError **error);

/**
 * rl_xattr_get_number, rl_xattr_set_number:
 * A whole number; 0 where there is none or it does not read as one.
 */
bool rl_xattr_get_number(int fd, const char *key, uint64_t *ret_number, GError **error);
bool rl_xattr_set_number(int fd, const char *key, uint64_t number, GError **error);
