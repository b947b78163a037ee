/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain has stopped: what it wrote is committed, or dropped. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/volume.h"

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
 * noted as one that has ended (ended-note.h).
 *
 * Commit, step by step, and what a crash after each leaves:
 * - fsync(dirty): the old state, with a dirty image to go on with.
 * - link(clean, revision): the same, and a revision that is the clean image itself: the next commit
 *   finds it.
 * - rename(dirty, clean): the old or the new state, both whole.
 * - fsync(directory): the new state.
 */
bool rl_volume_stop(const RlPool *pool, const char *name, const RlDomainRef *owner,
                    RlStop *ret_stop, GError **error);

/**
 * rl_volume_stop_ended:
 * Does for the volume @name what rl_volume_stop() could not do when its run ended, for want of
 * space on the disk; *@ret_stop is RL_STOP_NOTHING where nothing waits for that. Errors are those
 * of rl_volume_stop(), and RL_ERROR_STATE where a domain's disk has become an overlay on the image;
 * they leave all as it is: the next call tries again.
 */
bool rl_volume_stop_ended(const RlPool *pool, const char *name, RlStop *ret_stop, GError **error);
