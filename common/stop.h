/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain has stopped: what it wrote is committed, or dropped. */
#pragma once

#include "run.h"
#include "volume.h"

typedef enum {
    RL_STOP_NOTHING,   /* there was no dirty image */
    RL_STOP_NOT_OWNED, /* another domain's, or nobody's: left alone */
    RL_STOP_HELD, /* saved, and the memory may be there still; suspect; or half of a migration: left
                   * alone */
    RL_STOP_COMMITTED, /* the dirty image is the clean one now, and that a revision */
    RL_STOP_UNWRITTEN, /* nothing was written: the dirty image waits for the next start */
    RL_STOP_DROPPED,   /* a snapshot's or volatile volume's image is gone */
    RL_STOP_RETURNED,  /* a direct volume's image has its clean name again */
} RlStop;

/**
 * rl_volume_stop:
 * Ends the run of @owner on the volume @name (of whoever ran, if @owner is NULL). *@ret_stop says
 * what came of it. Does no FICLONE, and no step that grows with the image; what was dropped is left
 * to rl_volume_sweep(), and the pruning of revisions to rl_volume_maintain().
 *
 * Fails with RL_ERROR_BUSY while somebody has the dirty image open for writing, or at all where the
 * run only reads or there is a run and no @owner; or the clean image for writing, which is to
 * become a revision: nothing was changed then. RL_ERROR_NOT_FOUND: no
 * such volume. RL_ERROR_STATE: a dirty image without a clean one, or made from another
 * (takeover.h); or no @owner, and a domain that
 * was started a short while ago, or whose disk is an overlay on it. RL_ERRNO: a write of the
 * image's data that failed marks it suspect; where there is no space for anything else, the run is
 * noted as one that has ended (ended.h).
 *
 * Commit, step by step, and what a crash after each leaves:
 * - fsync(dirty): the old state, with a dirty image to go on with.
 * - link(clean, revision): the same, and a revision that is the clean image itself: the next commit
 *   finds it.
 * - rename(dirty, clean): the old or the new state, both whole.
 * - fsync(directory): the new state.
 */
bool rl_volume_stop(const RlPool *pool, const char *name, const RlOwner *owner, RlStop *ret_stop,
                    GError **error);

/**
 * rl_volume_stop_ended:
 * Does for the volume @name what rl_volume_stop() could not do when its run ended, for want of
 * space on the disk; *@ret_stop is RL_STOP_NOTHING where nothing waits for that. Errors are those
 * of rl_volume_stop(), and RL_ERROR_STATE where a domain's disk has become an overlay on the image;
 * they leave all as it is: the next call tries again.
 */
bool rl_volume_stop_ended(const RlPool *pool, const char *name, RlStop *ret_stop, GError **error);

/**
 * rl_commit_number:
 * The number of the revision that the clean image @fd of @volume becomes next. Found in the image's
 * own attribute; where that is missing, or a commit was cut off, among the names on disk.
 * *@ret_linked is true where the newest revision is the clean image itself already. The caller has
 * the lock.
 */
bool rl_commit_number(const RlVolume *volume, int fd, uint64_t *ret_number, bool *ret_linked,
                      GError **error);

/**
 * rl_commit_highest:
 * The highest number that a revision of @volume has been given, as far as its clean image @fd can
 * tell: a link that was made and not yet followed by a commit counts. For a new clean image that
 * makes no revision of the old one.
 */
bool rl_commit_highest(const RlVolume *volume, int fd, uint64_t *ret_highest, GError **error);

/**
 * rl_commit_keep_highest:
 * Sees that @to, which is to take the place of the clean image @fd of @volume and was made without
 * the lock, knows the highest number too if one was given meanwhile. The caller has the lock.
 */
bool rl_commit_keep_highest(const RlVolume *volume, int fd, int to, GError **error);

/**
 * rl_commit_revision:
 * Makes the clean image @fd of @volume its next automatic revision, if it is not that already
 * (rl_commit_number(), rl_commit_link()), and takes from it what only a clean image has.
 * *@ret_number is the revision's. The caller has the lock, and puts something else in the clean
 * image's place.
 */
bool rl_commit_revision(const RlVolume *volume, int fd, uint64_t *ret_number, GError **error);

/**
 * rl_commit_link:
 * Links the clean image to the name of revision @number. The caller has the lock.
 */
bool rl_commit_link(const RlVolume *volume, uint64_t number, GError **error);
