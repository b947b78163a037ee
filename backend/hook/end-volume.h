/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a domain's run on one volume. */
#pragma once

#include "common/format/image-owner.h"
#include "domain-volumes.h"
#include "end-reason.h"

/**
 * rl_end_run:
 * Ends the run of @owner on the volume of @use, which ended for the reason @ending (saved in @file,
 * which may be NULL), as rl_volume_end() does. Tries again while somebody still has it open, for at
 * most @patience_ms.
 * *@ret_committed says whether there is a new revision. Errors are those of rl_volume_stop().
 */
bool rl_end_run(const RlDomainVolume *use, const RlDomainRef *owner, RlEndReason ending,
                const char *file, int patience_ms, bool *ret_committed, GError **error);
