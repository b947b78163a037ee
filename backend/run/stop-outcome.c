/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stop-outcome.h"

#include "common/base/error.h"
#include "common/pool/volume-state.h"

const char *
rl_stop_outcome(RlStop stop)
{
    static const char *const outcomes[] = {
        [RL_STOP_NOTHING] = "has no dirty image: nothing to do",
        [RL_STOP_NOT_OWNED] = "was not stopped: another domain owns its dirty image",
        [RL_STOP_HELD] = "is left as it is",
        [RL_STOP_COMMITTED] = "is committed, and the former clean image is a revision",
        [RL_STOP_UNWRITTEN] = "is stopped; nothing was written, so there is no new revision",
        [RL_STOP_DROPPED] = "is stopped; its dirty image is dropped",
        [RL_STOP_RETURNED] = "is stopped; its image is renamed to the clean image",
    };

    return outcomes[stop];
}

bool
rl_stop_refuse_held(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);

    return volume && rl_state_require_idle(volume, "stopped", error) &&
           rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' is left unchanged because it was saved or suspect. Try again",
                   name);
}
