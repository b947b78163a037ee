/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images at rest that a domain has as read-only disks (read-disk.h). A commit, a renaming, and a
 * deletion with what is made after it give their names to others: a domain's saved memory may know
 * another content than the name has now. Layers are the matter of layer-base.h. */
#pragma once

#include "common/format/image-save.h"
#include "domain-volumes.h"
#include "xml/domain.h"

/**
 * rl_clean_dates_has_any:
 * True if @domain reads one; what cannot be told is none.
 */
bool rl_clean_dates_has_any(const RlDomain *domain);

/**
 * rl_clean_dates_give:
 * Sets @memory->noted_us, for a restore on the volumes @uses: the earliest time at which a dirty
 * image of these noted its last save, if it was not written to since, and is not known to be of
 * another memory; and @memory->reads to what the first of them notes. What cannot be read says
 * nothing.
 */
void rl_clean_dates_give(const GPtrArray *uses, RlMemory *memory);

/**
 * rl_clean_dates_require:
 * @domain is restored from the memory of @owner: false with RL_ERROR_STATE if such an image is
 * another one than the save has noted (read-state.h), or, where it has noted none, may have changed
 * since (rl_fits_require_at_rest()), or with an errno.
 */
bool rl_clean_dates_require(const RlDomain *domain, const RlDomainRef *owner, GError **error);
