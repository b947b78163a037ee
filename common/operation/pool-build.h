/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a directory a reflink pool, and no pool again. */
#pragma once

#include "common/pool/pool.h"

/**
 * rl_pool_build:
 * Makes the directory @path (and its parents, where missing) a reflink pool with @options: sees
 * with real bytes that its file system can reflink, and that it has extended attributes; then
 * writes the marker. What is in the directory already is adopted as it is. @access is for the
 * directory itself; a mode of (mode_t) -1 leaves an existing one as it is.
 *
 * A symbolic link of root's counts as the directory that it leads to.
 *
 * Fails with RL_ERROR_INVALID for what is no directory, a link of others or to none, or lies inside
 * another reflink pool or around one; RL_ERROR_UNSUPPORTED without reflinks (unless the options
 * allow copying) or attributes, or on a file system that several hosts can mount (shared-fs.h); an
 * errno. Nothing is left behind then.
 */
bool rl_pool_build(const char *path, const RlOptions *options, const RlAccess *access,
                   const RlDocuments *documents, GError **error);

/**
 * rl_pool_require_buildable:
 * True if rl_pool_build() would make the directory @path, which is there, a pool with @options.
 * Else false with its error. Changes nothing.
 */
bool rl_pool_require_buildable(const char *path, const RlOptions *options, GError **error);

/**
 * rl_pool_probe:
 * Sees with real bytes, in files without names, that the file system of @pool has extended
 * attributes, and reflinks unless its options allow copying. Fails as rl_pool_build() does.
 */
bool rl_pool_probe(const RlPool *pool, GError **error);

/**
 * rl_pool_delete:
 * Removes the marker, empty directories and the directory itself, but no symbolic link to it.
 * RL_ERROR_STATE if there are volumes, or anything else; then nothing has changed.
 */
bool rl_pool_delete(RlPool *pool, GError **error);

/**
 * rl_pool_require_outside:
 * True if @path, or the directory that it is a symbolic link to, lies in no other reflink pool.
 * Else false with RL_ERROR_INVALID, naming that; or with an errno where it cannot be told.
 */
bool rl_pool_require_outside(const char *path, GError **error);
