/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volumes with a <backingStore>: each start takes the source as it is then. */
#pragma once

#include "virstorageobj.h"

#include "common/pool/pool.h"

/**
 * rl_backing_store_record:
 * Returns the record of a new snapshot volume with the definition @vol, owned by the caller. NULL
 * with RL_ERROR_INVALID where its backing store is not the vol-path or clean image of a persistent
 * volume of @pool, or @vol is to be smaller than that; RL_ERROR_NOT_FOUND where that volume is not
 * there.
 */
RlRecord *rl_backing_store_record(const RlPool *pool, const virStorageVolDef *vol, GError **error);
