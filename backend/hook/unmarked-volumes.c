/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unmarked-volumes.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/operation/save.h"
#include "owner.h"
#include "run-record.h"
#include "started-volumes.h"
#include "xml/documents.h"

static bool
mark(const RlDomainVolume *use, const RlDomainRef *owner)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open(use->root, rl_xml_documents(), &error);

    /* What is gone has nothing to be marked. */
    if ((pool && rl_volume_mark_ended(pool, use->name, owner, use->overlaid, &error)) ||
        (pool && g_error_matches(error, RL_ERROR, RL_ERROR_NOT_FOUND)))
        return true;
    rl_log_warning("domain %s: cannot mark the dirty image of volume '%s' as saved or kept: %s",
                   owner->name, use->name, error->message);
    return false;
}

void
rl_unmarked_volumes_mark(const RlDomain *domain, const GPtrArray *uses)
{
    g_autoptr(GPtrArray) all = rl_domain_volumes_new();
    RlDomainRef owner = rl_domain_ref_of(domain);
    bool each = true;

    if (!rl_run_record_is_unmarked(&owner))
        return;
    for (guint i = 0; i < uses->len; i++)
        rl_domain_volumes_add_noted(all, g_ptr_array_index(uses, i));
    rl_started_volumes_read(domain, all);
    for (guint i = 0; i < all->len; i++)
        each &= mark(g_ptr_array_index(all, i), &owner);
    if (each)
        rl_run_record_marked(&owner);
}
