/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person types for a pool and a volume: names, or paths as other programs print them. */
#pragma once

#include "common/pool/pool.h"

/**
 * rl_target_pool_path:
 * The directory of the pool @text, which is a path if it has a slash, and else the name of a pool
 * of libvirt's. Owned by the caller; NULL with RL_ERROR_NOT_FOUND for a name that libvirt has no
 * reflink pool of, or with an errno.
 */
char *rl_target_pool_path(const char *text, GError **error);

/**
 * rl_target_explain_pool:
 * The pool @text could not be opened: where /etc/fstab has a file system for its directory that is
 * not mounted, *@error says that instead. @path is the directory, or NULL: then libvirt's
 * definition of the pool @text is asked for one.
 */
void rl_target_explain_pool(const char *text, const char *path, GError **error);

/**
 * rl_target_of_path:
 * Of the path of a volume's image, whether that exists or not, also by its short path
 * (common/image/short-path.h): *@ret_root is the pool's directory and *@ret_name "VOLUME", or
 * "VOLUME@REVISION" where it is a revision's. Both owned by the caller; NULL where it is no image
 * of a pool. False with @error where that cannot be told.
 */
bool rl_target_of_path(const char *path, char **ret_root, char **ret_name, GError **error);

/**
 * rl_target_name:
 * Returns the name that @text is for a volume or revision of @pool: itself, or if it is an absolute
 * path that of the image there. Owned by the caller. NULL with RL_ERROR_INVALID for a path of
 * another pool's, or of no image.
 */
char *rl_target_name(const RlPool *pool, const char *text, GError **error);
