/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "start-rules.h"

#define LEFTOVER_GOES (RL_LEFT_KEPT | RL_STARTS_OVERLAID)

static const RlDecision rules[] = {
    /* Domains that only read do not hurt each other: an installation medium is many domains' disk.
     */
    {RL_STARTS_READONLY | RL_LEFT_SHAREABLE, 0, RL_TAKEOVER_SHARE},
    {RL_LEFT_IN_USE, 0, RL_TAKEOVER_IN_USE},
    {RL_LEFT_SUSPECT, 0, RL_TAKEOVER_SUSPECT},
    {RL_LEFT_FOREIGN, 0, RL_TAKEOVER_FOREIGN},
    {RL_LEFT_BELOW_OWN, RL_STARTS_OVERLAID, RL_TAKEOVER_OWN_OVERLAY},
    {RL_STARTS_RESTORED | RL_LEFT_MISFIT, RL_LEFT_OTHER, RL_TAKEOVER_MISFIT},
    {RL_STARTS_RESTORED | RL_LEFT_OWN | RL_LEFT_ANNOUNCED, 0, RL_TAKEOVER_RESTORE},
    /* Without its memory a saved domain is one that crashed. */
    {RL_LEFT_SAVED, 0, RL_TAKEOVER_SAVED},
    /* What an administrator began is not waited for by a domain whose overlay lies on it. */
    {RL_LEFT_OTHER | RL_LEFT_AWAITED, RL_STARTS_OVERLAID, RL_TAKEOVER_IN_USE},
    {RL_LEFT_OTHER | RL_LEFT_AWAITED, RL_LEFT_BY_HAND, RL_TAKEOVER_IN_USE},
    {RL_LEFT_BELOW_OTHER, RL_STARTS_OVERLAID, RL_TAKEOVER_BELOW},
    /* How the other's run ended is not known, and its device model may have seen to that. The
     * domain that has the overlay now goes on with it. */
    {RL_LEFT_THROWAWAY | RL_LEFT_KEPT | RL_LEFT_KEPT_OTHER, RL_STARTS_OVERLAID,
     RL_TAKEOVER_KEPT_OTHER},
    {RL_STARTS_RESTORED | RL_LEFT_OTHER, 0, RL_TAKEOVER_OTHER},
    /* A migration to here was broken off, or the host was lost meanwhile. The next one writes over
     * the whole image. It is not dropped for that: only the run that has begun shows whether it is
     * a migration (rl_volume_refute_arrival()). */
    {RL_LEFT_HALF | RL_STARTS_ARRIVING, RL_LEFT_KEPT, RL_TAKEOVER_CONTINUE},
    {RL_LEFT_HALF, RL_LEFT_KEPT, RL_TAKEOVER_HALF},
    /* What nobody wrote to, or what is made anew at each start, holds nothing. */
    {RL_LEFT_THROWAWAY | RL_STARTS_RESTORED, LEFTOVER_GOES, RL_TAKEOVER_OTHER},
    {RL_LEFT_THROWAWAY, LEFTOVER_GOES, RL_TAKEOVER_DROP},
    {RL_LEFT_PERSISTENT | RL_LEFT_ONLY_READ | RL_STARTS_RESTORED, LEFTOVER_GOES, RL_TAKEOVER_OTHER},
    {RL_LEFT_PERSISTENT | RL_LEFT_ONLY_READ | RL_LEFT_WRITTEN, LEFTOVER_GOES, RL_TAKEOVER_WRITTEN},
    {RL_LEFT_PERSISTENT | RL_LEFT_ONLY_READ, LEFTOVER_GOES, RL_TAKEOVER_DROP},
    {RL_LEFT_UNFIT, 0, RL_TAKEOVER_UNFIT},
    {RL_LEFT_PART_SECTOR, 0, RL_TAKEOVER_SECTORS},
    {RL_STARTS_ARRIVING, 0, RL_TAKEOVER_OVERWRITTEN},
    /* A domain that only reads gets the clean image's content. It must not find a guest's
     * unfinished writes, nor have them dropped when it stops. */
    {RL_STARTS_READONLY, RL_LEFT_ONLY_READ, RL_TAKEOVER_UNFINISHED},
    {0, 0, RL_TAKEOVER_CONTINUE},
};

const RlDecision *
rl_start_rules(void)
{
    return rules;
}
