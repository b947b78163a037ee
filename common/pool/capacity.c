/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capacity.h"

#include <glib.h>

#include "common/base/log.h"

bool
rl_capacity_is_whole(uint64_t bytes)
{
    return bytes % RL_SECTOR == 0;
}

uint64_t
rl_capacity_round(uint64_t bytes)
{
    if (rl_capacity_is_whole(bytes) || bytes > G_MAXINT64 - RL_SECTOR)
        return bytes;
    return bytes + RL_SECTOR - bytes % RL_SECTOR;
}

uint64_t
rl_capacity_round_for(const char *name, uint64_t bytes)
{
    uint64_t rounded = rl_capacity_round(bytes);

    if (rounded != bytes)
        rl_log_info("volume '%s': its size of %" G_GUINT64_FORMAT
                    " bytes is rounded up to %" G_GUINT64_FORMAT ", whole sectors of %d",
                    name, bytes, rounded, RL_SECTOR);
    return rounded;
}
