/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume that is to be started has a dirty image already: which facts decide what the start does
 * with it. */
#pragma once

#include "common/base/decide.h"

typedef enum {
    RL_TAKEOVER_CONTINUE, /* the domain goes on with it */
    RL_TAKEOVER_RESTORE,  /* the domain that was saved on it is restored */
    RL_TAKEOVER_DROP,     /* it goes, and a new one is made */
    RL_TAKEOVER_SHARE,    /* the domain reads it, as others do */
    /* The start is refused, since the image ... */
    RL_TAKEOVER_IN_USE,      /* has another domain, or is about to have it */
    RL_TAKEOVER_SUSPECT,     /* is suspect */
    RL_TAKEOVER_FOREIGN,     /* has nothing of ours noted on it */
    RL_TAKEOVER_SAVED,       /* is saved */
    RL_TAKEOVER_OWN_OVERLAY, /* is below the domain's own overlay */
    RL_TAKEOVER_BELOW,       /* is below another's */
    RL_TAKEOVER_MISFIT,      /* does not fit the memory */
    RL_TAKEOVER_OTHER,       /* is another than the memory's */
    RL_TAKEOVER_HALF,        /* came half */
    RL_TAKEOVER_UNFIT,       /* cannot be what its guest wrote, or has another clean image */
    RL_TAKEOVER_WRITTEN,     /* was to be read only, and was written to: it becomes suspect */
    RL_TAKEOVER_SECTORS,     /* ends within a sector */
    RL_TAKEOVER_OVERWRITTEN, /* would be written over by a migration */
    RL_TAKEOVER_UNFINISHED,  /* was written to, and the domain only reads */
    RL_TAKEOVER_KEPT_OTHER,  /* was kept as another domain left it */
} RlTakeover;

/* What the decision depends on. */
typedef enum {
    /* of the start: its flags */
    RL_STARTS_READONLY = 1 << 0,
    RL_STARTS_OVERLAID = 1 << 1,
    RL_STARTS_RESTORED = 1 << 2,
    RL_STARTS_ARRIVING = 1 << 3,
    /* of the run that is noted: whose it is */
    RL_LEFT_OWN = 1 << 4,
    RL_LEFT_OTHER = 1 << 5,
    RL_LEFT_BY_HAND = 1 << 6,
    /* of the image */
    RL_LEFT_SUSPECT = 1 << 7,
    RL_LEFT_FOREIGN = 1 << 8,
    RL_LEFT_KEPT = 1 << 9, /* has any mark */
    RL_LEFT_ONLY_READ = 1 << 10,
    RL_LEFT_HALF = 1 << 11,
    RL_LEFT_PERSISTENT = 1 << 12,
    RL_LEFT_THROWAWAY = 1 << 13,   /* a snapshot's or volatile volume's */
    RL_LEFT_PART_SECTOR = 1 << 14, /* Xen would not reach its end */
    /* what costs a look */
    RL_LEFT_SHAREABLE = 1 << 15, /* domains read it, and none writes */
    RL_LEFT_IN_USE = 1 << 16,
    RL_LEFT_SAVED = 1 << 17,   /* and the memory may be there */
    RL_LEFT_AWAITED = 1 << 18, /* its run began a short while ago */
    RL_LEFT_ANNOUNCED = 1 << 19,
    RL_LEFT_MISFIT = 1 << 20,
    RL_LEFT_BELOW_OWN = 1 << 21,
    RL_LEFT_BELOW_OTHER = 1 << 22,
    RL_LEFT_UNFIT = 1 << 23,
    RL_LEFT_WRITTEN = 1 << 24,    /* only read, and written to */
    RL_LEFT_KEPT_OTHER = 1 << 25, /* kept at the end of another domain's run */
} RlTakeoverFact;

/**
 * rl_start_rules:
 * Returns the decision table; static. Its facts are RlTakeoverFact, its actions RlTakeover.
 */
const RlDecision *rl_start_rules(void);
