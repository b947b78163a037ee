/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "end-of-run.h"

#include "arrival.h"
#include "common/fs/shared-fs.h"
#include "start.h"
#include "stop.h"

/* A restore that fails late ends like a crash, but the domain has never run: what has not been
 * confirmed is kept. What is below an overlay has older writes than that. */
static const RlEndAction actions[][RL_RUN_IMAGES] = {
    /* clang-format off */
                       /* made for the run, there before,   unconfirmed,    below an overlay */
    [RL_END_STOPPED]  = {RL_END_STOP,       RL_END_STOP,    RL_END_KEEP,    RL_END_KEEP_BELOW},
    [RL_END_SAVED]    = {RL_END_SAVE,       RL_END_SAVE,    RL_END_SAVE,    RL_END_SAVE_BELOW},
    [RL_END_FAILED]   = {RL_END_UNSTART,    RL_END_KEEP,    RL_END_KEEP,    RL_END_KEEP_BELOW},
    [RL_END_ARRIVING] = {RL_END_DROP,       RL_END_DROP,    RL_END_KEEP,    RL_END_KEEP_BELOW},
    [RL_END_MIGRATED] = {RL_END_STOP,       RL_END_STOP,    RL_END_KEEP,    RL_END_KEEP_BELOW},
    [RL_END_UNKNOWN]  = {RL_END_KEEP,       RL_END_KEEP,    RL_END_KEEP,    RL_END_KEEP_BELOW},
    /* clang-format on */
};

RlEndAction
rl_end_action(RlEndReason reason, RlRunImage image)
{
    return actions[reason][image];
}

RlEndReason
rl_end_reason_here(const RlPool *pool, const RlEnd *end)
{
    bool stopped = end->reason == RL_END_STOPPED || end->reason == RL_END_MIGRATED;
    bool elsewhere = end->reason == RL_END_MIGRATED && !rl_shared_fs_is_private(pool->root);

    return (stopped && end->doubtful) || elsewhere ? RL_END_UNKNOWN : end->reason;
}

/* A saved image is so whatever else it is. */
static bool
look(const RlPool *pool, const char *name, const RlEnd *end, RlRunImage *ret_image, GError **error)
{
    *ret_image = end->overlaid ? RL_RUN_IMAGE_BELOW : RL_RUN_IMAGE_MADE;
    return end->overlaid || end->reason == RL_END_SAVED ||
           rl_volume_look_at_run(pool, name, end->owner, ret_image, error);
}

static bool
unstart(const RlPool *pool, const char *name, const RlDomainRef *owner, GError **error)
{
    RlStarted started = {.volume = (char *) name};

    return rl_volume_unstart(pool, &started, owner, error);
}

/* What a stop leaves alone is kept: what nobody saw arrive is a person's to decide. */
static bool
stop(const RlPool *pool, const char *name, const RlDomainRef *owner, RlStop *ret_stop,
     GError **error)
{
    bool done;

    return rl_volume_stop(pool, name, owner, ret_stop, error) &&
           (*ret_stop != RL_STOP_HELD || rl_volume_keep(pool, name, owner, &done, error));
}

bool
rl_volume_end(const RlPool *pool, const char *name, const RlEnd *end, bool *ret_committed,
              GError **error)
{
    const RlDomainRef *owner = end->owner;
    RlKeep keep = {.owner = owner,
                   .overlaid = end->overlaid,
                   .file = end->file,
                   .failed = end->reason == RL_END_FAILED};
    RlStop result = RL_STOP_NOTHING;
    RlRunImage image;
    bool done;

    *ret_committed = false;
    if (!look(pool, name, end, &image, error))
        return false;
    switch (rl_end_action(rl_end_reason_here(pool, end), image)) {
    case RL_END_STOP:
        done = stop(pool, name, owner, &result, error);
        *ret_committed = result == RL_STOP_COMMITTED;
        return done;
    case RL_END_SAVE:
    case RL_END_SAVE_BELOW:
        keep.saved = true;
        return rl_volume_keep_as(pool, name, &keep, &done, error);
    case RL_END_KEEP:
    case RL_END_KEEP_BELOW:
        return rl_volume_keep_as(pool, name, &keep, &done, error);
    case RL_END_UNSTART:
        return unstart(pool, name, owner, error);
    case RL_END_DROP:
        return rl_volume_drop_arrival(pool, name, owner, &done, error) &&
               (done || rl_volume_keep(pool, name, owner, &done, error));
    }
    g_assert_not_reached();
}
