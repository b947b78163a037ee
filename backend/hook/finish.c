/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "finish.h"

#include "common/alias.h"
#include "common/error.h"
#include "common/keep.h"
#include "common/log.h"
#include "common/start.h"
#include "xml/documents.h"

/* The domain did not run. What it was to go on with stays for the next start: the disks of a
 * restore, and what an earlier run left. What was made for it is put back. */
static bool
undo(const RlPool *pool, const RlUse *use, const RlOwner *owner, GError **error)
{
    RlStarted started = {.volume = use->name};
    bool done;

    if (rl_volume_is_continued(pool, use->name, owner))
        return rl_volume_keep(pool, use->name, owner, &done, error);
    return rl_volume_unstart(pool, &started, owner, error);
}

static bool
try_once(const RlPool *pool, const RlUse *use, const RlOwner *owner, RlEnding ending,
         const char *file, bool *ret_committed, GError **error)
{
    RlStop stop;
    bool done;

    *ret_committed = false;
    if (ending == RL_ENDING_SAVED && use->overlaid)
        return rl_volume_save_below(pool, use->name, owner, file, &done, error);
    if (ending == RL_ENDING_SAVED)
        return rl_volume_save(pool, use->name, owner, file, &done, error);
    if (use->overlaid)
        return rl_volume_keep_below(pool, use->name, owner, &done, error);
    /* A restore that fails late ends like a crash, but the domain has never run. */
    if (ending == RL_ENDING_UNKNOWN || rl_volume_is_unconfirmed(pool, use->name, owner))
        return rl_volume_keep(pool, use->name, owner, &done, error);
    if (ending == RL_ENDING_FAILED)
        return undo(pool, use, owner, error);
    if (!rl_volume_stop(pool, use->name, owner, &stop, error))
        return false;
    *ret_committed = stop == RL_STOP_COMMITTED;
    return true;
}

bool
rl_finish(const RlUse *use, const RlOwner *owner, RlEnding ending, const char *file,
          int patience_ms, bool *ret_committed, GError **error)
{
    g_autoptr(RlPool) pool = rl_pool_open(use->root, rl_xml_documents(), error);
    int pause_ms = 10;

    if (!pool)
        return false;
    for (int waited_ms = 0;; waited_ms += pause_ms, pause_ms = MIN(pause_ms * 2, 500)) {
        g_autoptr(GError) cause = NULL;
        if (try_once(pool, use, owner, ending, file, ret_committed, &cause)) {
            rl_alias_tidy(pool, use->name);
            return true;
        }
        if (!g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY) || waited_ms >= patience_ms) {
            rl_error_about(&cause, "volume", use->name);
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        g_usleep((gulong) pause_ms * 1000);
    }
}
