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

/* The newest: nobody else has committed the volume since. */
static void
note_revision(RlJson *json, const RlPool *pool, const char *name)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, NULL);
    g_autoptr(GPtrArray) revisions =
        volume ? rl_revisions_list(volume->dir, volume->name->leaf, NULL) : NULL;
    const RlRevision *newest = revisions ? rl_revisions_newest(revisions) : NULL;

    if (newest)
        rl_json_number(json, "revision", newest->number);
}

void
rl_stop_note(RlDocument *document, const RlPool *pool, const char *name, RlStop stop)
{
    static const char *const words[] = {
        [RL_STOP_NOTHING] = "nothing",     [RL_STOP_NOT_OWNED] = "not-owned",
        [RL_STOP_HELD] = "held",           [RL_STOP_COMMITTED] = "committed",
        [RL_STOP_UNWRITTEN] = "unwritten", [RL_STOP_DROPPED] = "dropped",
        [RL_STOP_RETURNED] = "returned",
    };

    document->changed |= stop >= RL_STOP_COMMITTED;
    rl_json_string(document->json, "result", words[stop]);
    if (stop == RL_STOP_COMMITTED)
        note_revision(document->json, pool, name);
}

bool
rl_stop_refuse_held(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);

    return volume && rl_state_require_idle(volume, "stopped", error) &&
           rl_fail(
               error, RL_ERROR_STATE,
               "volume '%s' was not stopped: a moment ago it was saved, suspect or not completely "
               "migrated, and now it is not. Try again",
               name);
}
