/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain has stopped: what it wrote is committed, or dropped. */
#pragma once

#include "common/base/decide.h"
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

/* What the decision depends on. */
typedef enum {
    RL_ENDS_BY_HAND = 1 << 0, /* an administrator ends it, no domain */
    RL_ENDED_OWN = 1 << 1,    /* the run that is noted is the domain's */
    RL_ENDED_SHARED = 1 << 2, /* a domain ends, and only read it, maybe with others */
    RL_ENDED_HALF = 1 << 3,   /* a migration was broken off */
    RL_ENDED_SUSPECT = 1 << 4,
    RL_ENDED_FOREIGN = 1 << 5,
    RL_ENDED_ONLY_READ = 1 << 6,
    RL_ENDED_SNAPSHOT = 1 << 7,
    RL_ENDED_VOLATILE = 1 << 8,
    RL_ENDED_DIRECT = 1 << 9,
    /* what costs a look */
    RL_ENDED_FRESH = 1 << 10,   /* its run began a short while ago */
    RL_ENDED_SAVED = 1 << 11,   /* and the memory may be there */
    RL_ENDED_OPEN = 1 << 12,    /* as its run would have it */
    RL_ENDED_HELD = 1 << 13,    /* by anybody */
    RL_ENDED_AWAITED = 1 << 14, /* a domain may be about to open it */
    RL_ENDED_BELOW = 1 << 15,   /* an overlay */
    RL_ENDED_UNFIT = 1 << 16,   /* rl_takeover_check() fails */
    RL_ENDED_UNWRITTEN = 1 << 17,
    RL_ENDED_WRITTEN = 1 << 18, /* only read, and written to */
    RL_ENDED_OTHER_BASE = 1 << 19,
} RlStopFact;

typedef enum {
    RL_ENDING_GOES_ON, /* it is decided by what it holds */
    /* It is left alone. */
    RL_ENDING_NOT_OWNED,
    RL_ENDING_LEFT, /* the domain leaves it to those who read it still */
    RL_ENDING_HELD,
    RL_ENDING_KEPT_BELOW,
    /* An error says why not. */
    RL_ENDING_BUSY,
    RL_ENDING_RUNNING,
    RL_ENDING_FOREIGN,
    RL_ENDING_AWAITED,
    RL_ENDING_BELOW,
    RL_ENDING_UNFIT,
    RL_ENDING_WRITTEN, /* it becomes suspect */
    RL_ENDING_OTHER_BASE,
    /* It is put away. */
    RL_ENDING_PRECACHE,
    RL_ENDING_COMMIT,
    RL_ENDING_DROP,
    RL_ENDING_DROP_VOLATILE,
    RL_ENDING_RETURN,
} RlStopAction;

/**
 * rl_stop_rules:
 * Returns a decision table; static: whether the image is to be touched (@whose_is_it), or what
 * becomes of one that is. Their facts are RlStopFact, their actions RlStopAction.
 */
const RlDecision *rl_stop_rules(bool whose_is_it);

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
