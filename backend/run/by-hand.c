/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "by-hand.h"

#include "common/image/lost-write-witness.h"

char *
rl_by_hand_domain(const RlPool *pool, const char *name)
{
    g_autofree char *key = rl_witness_key_noted(pool, name, NULL),
                    *by_hand = rl_witness_key_by_hand(pool, name);

    return g_strcmp0(key, by_hand) == 0 ? NULL : g_steal_pointer(&key);
}

bool
rl_by_hand_ask(const char *key, const char *domain, const RlPool *pool, const char *name,
               GError **error)
{
    return rl_witness_ask_volume(key, NULL, pool, name, error) &&
           (!domain || rl_witness_ask_volume(domain, NULL, pool, name, error));
}

void
rl_by_hand_watch(const RlPool *pool, const char *name, const RlDomainRef *owner)
{
    g_autoptr(GArray) images = rl_witness_new();

    rl_witness_add(images, pool, name);
    rl_witness_begin(owner->witness, owner, images);
}
