/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A reflink pool: a directory with a marker file, which holds its options. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/base/progress.h"
#include "common/format/volume-record.h"
#include "common/fs/tmpfile.h"
#include "volume-lock.h"

#define RL_POOL_MARKER ".reflink-pool.xml"

typedef struct {
    int root;  /* the directory, readable */
    dev_t dev; /* of the directory: with ino, the name of its locks */
    ino_t ino;
    char *path; /* as it was opened, for messages and for libvirt; never walked again */
    RlOptions *options;
    const RlDocuments *documents;
    const char *actor;   /* on whose behalf it is worked in, for the log; borrowed, may be NULL */
    RlProgress progress; /* of copies of data, where there are no reflinks */
    GError *fault; /* why nothing may be changed in it; NULL, but for rl_pool_open_to_look() */
} RlPool;

/**
 * rl_pool_open:
 * Opens the pool at @path and reads its options. Returns it, owned by the caller; NULL with
 * RL_ERROR_NOT_BUILT where there is no marker, RL_ERROR_UNTRUSTED where others could have written
 * it, RL_ERROR_XML where it is damaged, or an errno (ENOENT, ENOTDIR). A symbolic link is followed,
 * once: the pool is the directory that it leads to now.
 */
RlPool *rl_pool_open(const char *path, const RlDocuments *documents, GError **error);

/**
 * rl_pool_open_to_look:
 * As rl_pool_open(), for whoever only looks and reads: whatever is wrong with the marker, or that
 * there is none, is the pool's fault, and its options are the defaults then. NULL only with an
 * errno of the directory.
 */
RlPool *rl_pool_open_to_look(const char *path, const RlDocuments *documents, GError **error);

/**
 * rl_pool_require_sound:
 * False with the fault of @pool, if it has one. Each change of a volume asks for it with the lock
 * (rl_pool_lock()).
 */
bool rl_pool_require_sound(const RlPool *pool, GError **error);

/**
 * rl_pool_close:
 * Closes @pool; nothing for NULL.
 */
void rl_pool_close(RlPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlPool, rl_pool_close)

typedef enum {
    RL_MARKER_NONE,
    RL_MARKER_GOOD,
    RL_MARKER_UNTRUSTED, /* others could have written it: a pool all the same, which nobody opens */
    RL_MARKER_LOST, /* there is none, but the directory is marked as a pool's (pool-mark.h): the
                     * same */
} RlMarker;

/**
 * rl_pool_look:
 * Looks for a marker in the directory @path, or that it is a symbolic link to. False with @error
 * where that cannot be told; what is not there, or is no directory, has none.
 */
bool rl_pool_look(const char *path, RlMarker *ret_marker, GError **error);

/**
 * rl_pool_look_at:
 * The same for the directory that is open as @dir, with O_PATH at least; @path is for the message.
 */
bool rl_pool_look_at(int dir, const char *path, RlMarker *ret_marker, GError **error);

/**
 * rl_pool_has_lost_marker:
 * Says in *@ret_lost whether the directory @root, open with O_PATH at least, which has no marker,
 * is marked as a pool's (pool-mark.h): then it had one. A file system without such attributes is
 * no pool's. False with an errno where it cannot be told.
 */
bool rl_pool_has_lost_marker(int root, bool *ret_lost, GError **error);

/**
 * rl_pool_has_marker:
 * True if the directory @path has a good marker. Any doubt is no.
 */
bool rl_pool_has_marker(const char *path);

/**
 * rl_pool_find:
 * Looks for the pool that the file @path (which need not exist) lies in, walking up from it after
 * symbolic links in its directories were followed; from a mount that shows a part of a file system
 * (a bind mount, a subvolume) up in that file system first. *@ret_root is then the pool's path and
 * *@ret_inside the rest of the path below it, both owned by the caller; NULL where there is none.
 * An untrusted marker counts, and so does one that is lost: rl_pool_open() says what is wrong with
 * it. False with @error where it cannot be told: RL_ERROR_INVALID for a path that is not absolute,
 * is longer than any file's, or leads through a magic link of /proc (common/fs/real-path.h).
 */
bool rl_pool_find(const char *path, char **ret_root, char **ret_inside, GError **error);

/**
 * rl_pool_has_links:
 * True if the path of a volume in the directory @dir (of its name) of @pool is a link in the pool's
 * directory, as its options say (common/image/volume-path.h): only short names have one.
 */
bool rl_pool_has_links(const RlPool *pool, const char *dir);

/**
 * rl_pool_is_marker:
 * True if the entry @name of a pool's directory is its marker, or what a crash left while one was
 * written.
 */
bool rl_pool_is_marker(const char *name);

/**
 * rl_pool_write_marker:
 * Writes @text as the marker of the pool @root, atomically and durably, and removes what a crash
 * left of others.
 */
bool rl_pool_write_marker(int root, const char *text, GError **error);

/**
 * rl_pool_read_options:
 * Reads the options of @pool anew. Returns them, owned by the caller; NULL with @error as
 * rl_pool_open().
 */
RlOptions *rl_pool_read_options(const RlPool *pool, GError **error);

/**
 * rl_pool_lock_marker:
 * The lock of the marker of @pool, for whoever writes what he has read from it. Waits the usual
 * time. No volume's lock is taken by who has it.
 */
RlLock *rl_pool_lock_marker(const RlPool *pool, GError **error);

/**
 * rl_pool_set_options:
 * Writes @options into the marker, atomically and durably, and takes them over. The mark of the
 * pool stays.
 */
bool rl_pool_set_options(RlPool *pool, const RlOptions *options, GError **error);

/**
 * rl_pool_real_path:
 * The path of the directory of @pool without symbolic links, by which its lines in the journal are
 * found, owned by the caller; the one that it was opened by where that cannot be told.
 */
char *rl_pool_real_path(const RlPool *pool);

/**
 * rl_pool_space:
 * The bytes that the file system has and that are free on it (statvfs(3)).
 */
bool rl_pool_space(const RlPool *pool, uint64_t *ret_capacity, uint64_t *ret_free, GError **error);

/**
 * rl_pool_lock:
 * The lock of @volume (see volume-lock.h), waiting the usual time. A pool with a fault has none.
 */
RlLock *rl_pool_lock(const RlPool *pool, const char *volume, const char *purpose, GError **error);
