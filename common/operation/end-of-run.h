/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The run of a domain on a volume is over: what its end, and what the image says, mean for the
 * dirty image. */
#pragma once

#include "save.h"

/* How a domain's run ended. */
typedef enum {
    RL_END_STOPPED,  /* shut down, destroyed, crashed */
    RL_END_SAVED,    /* its memory is in a file: its disks must stay as they are */
    RL_END_FAILED,   /* it did not start */
    RL_END_ARRIVING, /* a migration to here was broken off: the guest never ran here */
    RL_END_MIGRATED, /* it goes on on another host */
    RL_END_UNKNOWN,  /* its disks may be needed as they are */
} RlEndReason;

/* What becomes of a dirty image whose run is over. */
typedef enum {
    RL_END_STOP,       /* as its kind says: committed, dropped, renamed (stop.h) */
    RL_END_SAVE,       /* kept for the restore */
    RL_END_KEEP,       /* kept for the next start */
    RL_END_SAVE_BELOW, /* the same, and what it is below is noted */
    RL_END_KEEP_BELOW,
    RL_END_UNSTART, /* what the start made is put back */
    RL_END_DROP,    /* what was made for the migration goes; the rest is kept */
} RlEndAction;

/* One domain's end on one volume. Borrowed. */
typedef struct {
    const RlDomainRef *owner;
    RlEndReason reason;
    bool overlaid;    /* its disk is an overlay on the image */
    bool doubtful;    /* a disk of which nothing can be told may be on the image still */
    const char *file; /* where its memory was saved; NULL if that is not known */
} RlEnd;

/**
 * rl_end_action:
 * Says what an end for @reason means for an image that is as @image says.
 */
RlEndAction rl_end_action(RlEndReason reason, RlRunImage image);

/**
 * rl_end_reason_here:
 * Says for which reason @end is one in @pool. Of a domain that stopped, or goes on on another host,
 * nothing is known where the image may still be below its disk. Where the directory can be the
 * other host's as well, the images of a domain that went there are its disks.
 */
RlEndReason rl_end_reason_here(const RlPool *pool, const RlEnd *end);

/**
 * rl_volume_end:
 * Ends the run on the volume @name as rl_end_action() says for @end. *@ret_committed says whether
 * there is a new revision. What a stop has to leave alone is kept. Fine where the image is not the
 * owner's. Errors are those of rl_volume_stop() and rl_volume_keep(); RL_ERROR_BUSY where a process
 * has the image open: nothing was changed, and the caller tries again.
 */
bool rl_volume_end(const RlPool *pool, const char *name, const RlEnd *end, bool *ret_committed,
                   GError **error);
