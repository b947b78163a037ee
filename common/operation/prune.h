/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which automatic revisions go. */
#pragma once

#include "common/pool/volume.h"
#include "keep-rules.h"

/* Which automatic revisions an administrator wants to be rid of. */
typedef struct {
    RlRetention keep; /* these stay, counted by their numbers; and these, counted by their dates: of
                         a history in order the same, but not where one was put back */
    gint64 before_us; /* and so does what was put aside at or after that (microseconds of the wall
                         clock), as far as its file tells: by the last change of its status */
    bool dry_run;     /* nothing is changed */
} RlPruneRule;

/**
 * rl_volume_prune_by:
 * Takes the automatic revisions of the volume @name out of the way that @rule says, but for those
 * that rl_volume_prune() spares, and adds their names ("VOLUME@7") to @ret_dropped, an array of
 * strings that it owns. Takes the volume's lock; makes it durable, and leaves the freeing to
 * rl_volume_maintain(). A volume that is not persistent, or has no clean image, keeps them all.
 * RL_ERROR_NOT_FOUND.
 */
bool rl_volume_prune_by(const RlPool *pool, const char *name, const RlPruneRule *rule,
                        GPtrArray *ret_dropped, GError **error);

/**
 * rl_volume_tidy:
 * After a commit: takes the automatic revisions of the volume @name out of the way that are more
 * than the pool's options keep. A few renames, with the volume's lock; freeing them is
 * rl_volume_maintain()'s.
 */
bool rl_volume_tidy(const RlPool *pool, const char *name, GError **error);

/**
 * rl_volume_prune:
 * Drops automatic revisions but those that @keep keeps, counted by their numbers; never a named
 * one, none that is the clean image itself, none that a domain was started on as a layer or
 * revision (RL_ATTR_LAYER), and none that a process has open, even to read. Where one has a higher
 * number than any that was given, as an administrator puts it there, it drops none, and notes that
 * number, so that the next revision is the newest. The caller has the lock.
 */
bool rl_volume_prune(const RlVolume *volume, const RlRetention *keep, GError **error);
