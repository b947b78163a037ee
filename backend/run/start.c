/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/operation/start.h"

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "by-hand.h"
#include "common/image/lost-write-witness.h"
#include "common/image/volume-path.h"

/* The same for every call: whoever starts a volume by hand may start it again, and no domain of
 * libvirt's has it. */
static const RlDomainRef by_hand = {
    .driver = RL_OWNER_BY_HAND,
    .uuid = "00000000-0000-0000-0000-000000000000",
    .name = "started by hand",
};

static char *
path_of(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);

    return volume ? rl_volume_path(pool, volume->name->dir, volume->name->leaf) : NULL;
}

RlExit
rl_command_start(RlCall *call, GError **error)
{
    if (!rl_call_begin(call, NULL, error))
        return call->exit;

    const RlPool *pool = call->pool;
    const char *name = rl_call_name(call, 0);
    g_autofree char *key = rl_witness_key_by_hand(pool, name),
                    *domain = rl_by_hand_domain(pool, name);

    /* Of a run that nobody ended. */
    if (!rl_by_hand_ask(key, domain, pool, name, error))
        return RL_EXIT_FAILED;
    RlDomainRef owner = by_hand;
    /* Where the file system is mounted again under another number, the key would be another. */
    owner.witness = key;
    g_autoptr(RlStarted) started = rl_volume_start(pool, name, &owner, 0, error);
    g_autofree char *path = started ? path_of(pool, name, error) : NULL;

    if (!path)
        return RL_EXIT_FAILED;
    call->document->changed = true;
    rl_json_string(call->document->json, "path", path);
    rl_json_bool(call->document->json, "continued", started->continued);
    rl_by_hand_watch(pool, name, &owner);
    rl_call_say(call, "%s is started%s: %s\nStop it with 'virt-reflink stop'.", name,
                started->continued ? ", and continues with its leftover dirty image" : "", path);
    return RL_EXIT_DONE;
}
