/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's volumes that it was not started on (common/operation/claim.h). */
#pragma once

#include "common/format/image-owner.h"
#include "domain-volumes.h"

/**
 * rl_claim_all:
 * Makes the volumes in @uses, which the XML of the domain @owner names while it runs or when it has
 * just ended, its own, where they are nobody else's; those that are only noted
 * (RlDomainVolume.noted), or only read, not. What fails is logged, and stays whose it was.
 */
void rl_claim_all(const GPtrArray *uses, const RlDomainRef *owner);
