/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Short paths of volumes. */
#include "operations.h"

#include "common/image/short-path.h"

#define WEB "web"
#define SHORT_PATH "web.img"

static bool
running(const char *work, GError **error)
{
    return build(work, error) && make(work, WEB, RL_KIND_PERSISTENT, error) &&
           start_for(work, WEB, &alice, error) && fill(work, WEB, 2, error);
}

static bool
link_it(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_short_path_make(pool, SHORT_PATH, WEB, error);
}

static bool
linked(const char *work, GError **error)
{
    return running(work, error) && link_it(work, error);
}

static bool
stopped(const char *work, GError **error)
{
    return linked(work, error) && stop_for(work, WEB, &alice, RL_STOP_COMMITTED, error);
}

static bool
tidy(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    if (pool)
        rl_short_path_tidy(pool, WEB);
    return pool != NULL;
}

const Operation alias_operations[] = {
    {"link", running, link_it, NULL, 0},
    {"link-again", linked, link_it, NULL, 0},
    {"link-tidy", stopped, tidy, NULL, OP_MAY_DO_NOTHING},
    {0},
};
