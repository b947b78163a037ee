/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new content for a volume that begins as a reflink of the present one, is written to in parts,
 * and takes its place in one step that waits for nothing. */
#pragma once

#include "staged-image.h"

/**
 * rl_upload_begin:
 * Returns a draft that is a reflink of the clean image of the volume @name in @pool, which it takes
 * over (also on failure). Owned by the caller; NULL with @error: RL_ERROR_UNSUPPORTED for a
 * revision or a volume without content of its own, RL_ERROR_STATE while it runs or is left dirty,
 * RL_ERROR_NOT_FOUND, or an errno. Takes as long as cloning does.
 */
RlStagedImage *rl_upload_begin(RlPool *pool, const char *name, GError **error);

/**
 * rl_upload_commit:
 * Puts the draft, whose data the caller has fsynced, in place of the volume's clean image, which
 * becomes the next automatic revision; those beyond what the options keep go, as after a domain's
 * stop. Waits for the lock for @timeout_ms at most and for no disk:
 * rl_upload_sync() makes the names durable. RL_ERROR_STATE if the volume was started or changed
 * meanwhile, RL_ERROR_BUSY if somebody works on it; nothing has changed then.
 */
bool rl_upload_commit(RlStagedImage *draft, int timeout_ms, GError **error);

/**
 * rl_upload_sync:
 * Makes the commit durable.
 */
bool rl_upload_sync(const RlStagedImage *draft, GError **error);
