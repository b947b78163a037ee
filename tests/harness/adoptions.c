/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images of before that become volumes. */
#include "steps.h"

#include "common/base/error.h"
#include "common/operation/adopt.h"

/* The plain image that is to be the volume. */
static bool
adopt(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(GPtrArray) plan = pool ? rl_adopt_plan(pool->root, NULL, error) : NULL;
    const RlAdoptFile *file = plan ? rl_adopt_find(plan, step->volume, RL_FILE_CLEAN) : NULL;

    if (plan && (!file || file->what != RL_ADOPT_MOVED))
        return rl_fail(error, RL_ERROR_NOT_FOUND, "no file is to be '%s'", step->volume);
    return file && rl_adopt_move(pool, file, error);
}

/* Of @other. */
static bool
adopt_snapshot(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_adopt_snapshot(pool, step->volume, step->other, error);
}

static bool
adopt_volatile(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_adopt_volatile(pool, step->volume, step->size, error);
}

const Action act_adopt = {"adopt", adopt, STEP_NAMES},
             act_adopt_snapshot = {"adopt as a snapshot", adopt_snapshot, STEP_NAMES},
             act_adopt_volatile = {"adopt as volatile", adopt_volatile, STEP_NAMES};
