/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "finish.h"

#include "common/error.h"
#include "common/keep.h"
#include "common/log.h"
#include "xml/documents.h"

/* A restore that failed has read its disks at most: the memory may be tried again, so they stay. A
 * plain start that failed is stopped, which finds nothing written. */
static bool
must_be_kept(const RlPool *pool, const RlUse *use, const RlOwner *owner, RlEnding ending)
{
    if (use->overlaid || ending == RL_ENDING_UNKNOWN)
        return true;
    return ending == RL_ENDING_FAILED && rl_volume_is_restored(pool, use->name, owner);
}

static bool
try_once(const RlPool *pool, const RlUse *use, const RlOwner *owner, RlEnding ending,
         const char *file, bool *ret_committed, GError **error)
{
    RlStop stop;
    bool done;

    *ret_committed = false;
    if (ending == RL_ENDING_SAVED)
        return rl_volume_save(pool, use->name, owner, file, &done, error);
    if (must_be_kept(pool, use, owner, ending))
        return rl_volume_keep(pool, use->name, owner, &done, error);
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
        if (try_once(pool, use, owner, ending, file, ret_committed, &cause))
            return true;
        if (!g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY) || waited_ms >= patience_ms) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        g_usleep((gulong) pause_ms * 1000);
    }
}
