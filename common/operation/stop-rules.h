/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain has stopped, or an administrator ends its run: which facts decide what becomes of the
 * dirty image. */
#pragma once

#include "common/base/decide.h"

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
 * rl_stop_whose_rules:
 * Returns the decision table that says whether this stop may touch the image; static. Its facts are
 * RlStopFact, its actions RlStopAction.
 */
const RlDecision *rl_stop_whose_rules(void);

/**
 * rl_stop_image_rules:
 * Returns the decision table that says what becomes of an image that the stop may touch; as above.
 */
const RlDecision *rl_stop_image_rules(void);
