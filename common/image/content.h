/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which image is read when a volume or revision is cloned, exported or taken a snapshot of. */
#pragma once

#include "common/pool/pool.h"

/**
 * rl_content_open:
 * Returns a descriptor, read-only, of what @text (a volume or revision) of @pool has as its
 * content: of a volume the last committed state, or with @live the state that it is in now, even
 * while a domain writes to it. It stays what it is, whatever happens to the names. Owned by the
 * caller; -1 with RL_ERROR_NOT_FOUND, RL_ERROR_STATE (no clean image now; with @live, a dirty one
 * that a migration was to bring and that is not known to be whole), RL_ERROR_BUSY (a process has an
 * image at rest open for writing), RL_ERROR_UNSUPPORTED (a snapshot or volatile volume, which have
 * no content of their own), or an errno.
 */
int rl_content_open(const RlPool *pool, const char *text, bool live, GError **error);

/**
 * rl_content_require_whole:
 * True if a clone or named revision of @text (a volume or revision) of @pool is all that it is
 * taken for. False with RL_ERROR_STATE for a persistent volume that is below an external snapshot:
 * what its domain wrote since is in the overlay, so that what is there is a state from before.
 */
bool rl_content_require_whole(const RlPool *pool, const char *text, GError **error);

/**
 * rl_content_path:
 * As rl_content_open(), but returns the image's path below the pool, owned by the caller; NULL with
 * @error.
 */
char *rl_content_path(const RlPool *pool, const char *text, bool live, GError **error);
