/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

#include "common/log.h"
#include "common/start.h"
#include "disks.h"
#include "owner.h"
#include "xml/documents.h"

static RlStarted *
start(const RlUse *use, const RlOwner *owner, GError **error)
{
    g_autoptr(RlPool) pool = rl_pool_open(use->root, rl_xml_documents(), error);

    return pool ? rl_volume_start(pool, use->name, owner, error) : NULL;
}

static void
put_back(const RlUse *use, const RlStarted *started, const RlOwner *owner)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open(use->root, rl_xml_documents(), &error);

    if (!pool || !rl_volume_unstart(pool, started, owner, &error))
        rl_log_warning("%s: cannot put back the start of %s: %s", owner->name, use->name,
                       error->message);
}

bool
rl_event_prepare(const RlDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) uses = rl_uses_find(domain, true, error);
    g_autoptr(GPtrArray) started = g_ptr_array_new_with_free_func((GDestroyNotify) rl_started_free);
    RlOwner owner = rl_owner_of(domain);

    if (!uses)
        return false;
    for (guint i = 0; i < uses->len; i++) {
        RlStarted *one = start(g_ptr_array_index(uses, i), &owner, error);
        if (one) {
            g_ptr_array_add(started, one);
            continue;
        }
        for (guint j = started->len; j-- > 0;)
            put_back(g_ptr_array_index(uses, j), g_ptr_array_index(started, j), &owner);
        return false;
    }
    return true;
}
