/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stop-rules.h"

/* Whose is it, and may it be touched? */
static const RlDecision whose[] = {
    /* Of those who share an image that is only read, the last to stop ends it. */
    {0, RL_ENDS_BY_HAND | RL_ENDED_OWN | RL_ENDED_SHARED, RL_ENDING_NOT_OWNED},
    {RL_ENDED_SHARED | RL_ENDED_FRESH, RL_ENDED_OWN, RL_ENDING_NOT_OWNED},
    {RL_ENDED_SHARED | RL_ENDED_HELD | RL_ENDED_OWN, 0, RL_ENDING_LEFT},
    {RL_ENDED_SHARED | RL_ENDED_HELD, 0, RL_ENDING_NOT_OWNED},
    /* A person may end what has no memory any more. */
    {RL_ENDED_SAVED, 0, RL_ENDING_HELD},
    /* What came of a migration that was broken off is no run. */
    {RL_ENDED_HALF, 0, RL_ENDING_HELD},
    {RL_ENDED_SUSPECT, 0, RL_ENDING_HELD},
    {RL_ENDED_OPEN, RL_ENDS_BY_HAND, RL_ENDING_BUSY},
    {RL_ENDS_BY_HAND | RL_ENDED_HELD, 0, RL_ENDING_RUNNING},
    {RL_ENDED_FOREIGN, 0, RL_ENDING_FOREIGN},
    {RL_ENDS_BY_HAND | RL_ENDED_AWAITED, 0, RL_ENDING_AWAITED},
    /* Another domain that is off has an overlay on what this one ran on; or this one still has, and
     * ran on what is below. */
    {RL_ENDED_BELOW, RL_ENDS_BY_HAND, RL_ENDING_KEPT_BELOW},
    {0, 0, RL_ENDING_GOES_ON},
};

/* What becomes of it? */
static const RlDecision becomes[] = {
    /* Whose domain has just stopped knows what it left; a person who ends what was found does not.
     */
    {RL_ENDS_BY_HAND | RL_ENDED_BELOW, 0, RL_ENDING_BELOW},
    {RL_ENDS_BY_HAND | RL_ENDED_UNFIT, 0, RL_ENDING_UNFIT},
    {RL_ENDED_VOLATILE, 0, RL_ENDING_DROP_VOLATILE},
    {RL_ENDED_DIRECT, 0, RL_ENDING_RETURN},
    {RL_ENDED_UNWRITTEN, 0, RL_ENDING_PRECACHE},
    {RL_ENDED_SNAPSHOT, 0, RL_ENDING_DROP},
    /* What a domain only read is nobody's writes. */
    {RL_ENDED_ONLY_READ | RL_ENDED_WRITTEN, 0, RL_ENDING_WRITTEN},
    {RL_ENDED_ONLY_READ, 0, RL_ENDING_DROP},
    /* Also at the end of a run: it does not take the place of what was put there meanwhile. */
    {RL_ENDED_OTHER_BASE, 0, RL_ENDING_OTHER_BASE},
    {0, 0, RL_ENDING_COMMIT},
};

const RlDecision *
rl_stop_whose_rules(void)
{
    return whose;
}

const RlDecision *
rl_stop_image_rules(void)
{
    return becomes;
}
