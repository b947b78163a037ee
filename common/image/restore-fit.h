/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain is restored: do its memory and the dirty image belong together? */
#pragma once

#include "common/pool/opened-image.h"

/**
 * rl_fits_require:
 * True if the memory that @owner is restored from (RlDomainRef.memory, may be NULL) can be of the
 * save that left @image as it is; its run, if there is one, is @owner's. Else false with
 * RL_ERROR_STATE, naming both and the way out. Where nothing is known that could be compared, it is
 * true: the file's date is not, where its file system has other hosts' dates, and images that were
 * saved before saves were noted have no note.
 */
bool rl_fits_require(const RlDirtyImage *image, const RlDomainRef *owner, GError **error);
