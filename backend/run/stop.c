/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/operation/stop.h"

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "by-hand.h"
#include "common/image/lost-write-witness.h"
#include "common/image/short-path.h"
#include "common/pool/writers.h"
#include "stop-outcome.h"

RlExit
rl_command_stop(RlCall *call, GError **error)
{
    if (!rl_call_begin(call, NULL, error))
        return call->exit;

    const RlPool *pool = call->pool;
    const char *name = rl_call_name(call, 0);
    g_autofree char *key = rl_witness_key_by_hand(pool, name),
                    *domain = rl_by_hand_domain(pool, name);
    RlStop stop;

    if (!rl_by_hand_ask(key, domain, pool, name, error) ||
        !rl_volume_stop(pool, name, NULL, &stop, error)) {
        rl_clean_name_writer(pool, name, error);
        return RL_EXIT_FAILED;
    }
    rl_witness_dismiss(key, false);
    if (domain)
        rl_witness_dismiss(domain, false);
    rl_stop_note(call->document, pool, name, stop);
    if (stop == RL_STOP_HELD)
        return rl_call_done(rl_stop_refuse_held(pool, name, error));
    rl_short_path_tidy(pool, name);
    rl_call_say(call, "%s %s.", name, rl_stop_outcome(stop));
    return rl_call_done(rl_after_change(pool, name, stop == RL_STOP_COMMITTED, error));
}
