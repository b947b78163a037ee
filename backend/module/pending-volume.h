/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume in the making, kept on its definition from createVol to buildVol. */
#pragma once

#include "virstorageobj.h"

#include "common/operation/staged-image.h"

/**
 * rl_pending_volume_begin:
 * Hangs @draft, which it takes over, on @vol: it lives as long as the definition, and whatever way
 * that goes, what was not published goes with it.
 */
void rl_pending_volume_begin(virStorageVolDef *vol, RlStagedImage *draft);

/**
 * rl_pending_volume_opened:
 * Says that the draft of @vol has its file by now. For the thread that builds.
 */
void rl_pending_volume_opened(const virStorageVolDef *vol);

/**
 * rl_pending_volume_image:
 * The draft of @vol, borrowed; NULL where it has none, or not any more.
 */
RlStagedImage *rl_pending_volume_image(const virStorageVolDef *vol);

/**
 * rl_pending_volume_end:
 * Frees the draft of @vol, published or not. For the thread that builds; the definition itself may
 * be another copy.
 */
void rl_pending_volume_end(const virStorageVolDef *vol);

/**
 * rl_pending_volume_is_pending:
 * True if @vol was begun and neither built nor seen by rl_pending_volume_forget() since: there is
 * no volume of ours behind it.
 */
bool rl_pending_volume_is_pending(const virStorageVolDef *vol);

/**
 * rl_pending_volume_forget:
 * Says that @vol was built and is a volume like any other from now on. True if it was not said
 * before.
 */
bool rl_pending_volume_forget(virStorageVolDef *vol);

/**
 * rl_pending_volume_stat:
 * Looks at how far the draft of @vol is, from any thread. False where there is none.
 */
bool rl_pending_volume_stat(const virStorageVolDef *vol, struct stat *ret_st);
