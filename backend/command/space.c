/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "space.h"

#include "common/pool/free-space.h"

void
rl_space_begin_json(RlJson *json, const RlPool *pool)
{
    g_autofree char *text = NULL;
    uint64_t capacity, available;
    bool low;

    rl_json_begin_object(json, NULL);
    rl_json_string(json, "pool", pool->path);
    if (!rl_pool_space(pool, &capacity, &available, NULL) ||
        !rl_free_space_look(pool, &low, &text, NULL))
        return;
    rl_json_number(json, "capacity", capacity);
    rl_json_number(json, "available", available);
    rl_json_bool(json, "low_space", low);
}
