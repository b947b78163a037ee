/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The short path of a volume: POOL/NAME, or POOL/NAME.img. Clients that make a volume by the path
 * of its pool with a name behind (virt-clone --file) give that path to the domain, too. A symbolic
 * link makes it good for as long as the volume has a dirty image. It is no part of a volume's
 * state: whoever starts a domain on such a path makes it anew. */
#pragma once

#include "common/format/volume-name.h"
#include "common/pool/pool.h"

/**
 * rl_short_path_strip:
 * Returns @name without one ".img" at its end, which clients put there as a raw image's suffix;
 * owned by the caller. A revision's name is returned as it is.
 */
char *rl_short_path_strip(const char *name);

/**
 * rl_short_path_require_free:
 * True if the new volume @name of @pool would take no path that is something else's, nor the short
 * path of another volume. Else false with RL_ERROR_NAME: its short path is taken by what is no link
 * of ours (a file, a directory, an overlay), or its first directory, which would have to be made,
 * by a volume. What is there already may stay as it is.
 */
bool rl_short_path_require_free(const RlPool *pool, const RlName *name, GError **error);

/**
 * rl_short_path_volume:
 * Returns the name of the volume that @inside, a path relative to the pool, is the short path of,
 * owned by the caller. NULL if it is none: it has directories, something else lies there, or there
 * is no such volume.
 */
char *rl_short_path_volume(const RlPool *pool, const char *inside);

/**
 * rl_short_path_hidden:
 * Returns the name of the volume whose short path @inside would be, if something else did not lie
 * there, owned by the caller. NULL where that is not so.
 */
char *rl_short_path_hidden(const RlPool *pool, const char *inside);

/**
 * rl_short_path_make:
 * Makes the link @inside to the dirty image of volume @name; fine if it is there. Fails with
 * RL_ERROR_INVALID for a name that has no short path (one with a directory of its own), as
 * rl_volume_open() and rl_volume_lock() do, with RL_ERROR_STATE if that image is empty, or with the
 * errno, EEXIST if something else lies there.
 */
bool rl_short_path_make(const RlPool *pool, const char *inside, const char *name, GError **error);

/**
 * rl_short_path_made:
 * Returns the short path of the volume @name that is there, relative to the pool, owned by the
 * caller: a domain was started that names it. NULL where there is none.
 */
char *rl_short_path_made(const RlPool *pool, const char *name);

/**
 * rl_short_path_tidy:
 * Removes the links to the dirty image of volume @name, unless that is there.
 */
void rl_short_path_tidy(const RlPool *pool, const char *name);
