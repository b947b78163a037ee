/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "claim-all.h"

#include "common/base/log.h"
#include "common/operation/claim.h"

void
rl_claim_all(const GPtrArray *uses, const RlDomainRef *owner)
{
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        const RlClaim claim = {.to = owner, .overlaid = use->overlaid};
        g_autoptr(GError) error = NULL;
        /* Who only reads it has written none of it, and ends it for nobody. What is below an
         * overlay is half of the domain's disk all the same. */
        if (use->noted || (use->readonly && !use->overlaid))
            continue;
        RlPool *pool = rl_domain_volume_pool(use, &error);
        bool done;
        if (!pool || !rl_volume_claim(pool, use->name, &claim, &done, &error))
            rl_log_warning("domain %s: cannot become the owner of volume '%s': %s", owner->name,
                           use->name, error->message);
    }
}
