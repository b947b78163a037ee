/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume in the making, kept on its definition from createVol to buildVol. */
#pragma once

#include "virstorageobj.h"

#include "common/operation/staged-image.h"

/**
 * rl_making_begin:
 * Hangs @draft, which it takes over, on @vol: it lives as long as the definition, and whatever way
 * that goes, what was not published goes with it.
 */
void rl_making_begin(virStorageVolDef *vol, RlDraft *draft);

/**
 * rl_making_opened:
 * Says that the draft of @vol has its file by now. For the thread that builds.
 */
void rl_making_opened(const virStorageVolDef *vol);

/**
 * rl_making_draft:
 * The draft of @vol, borrowed; NULL where it has none, or not any more.
 */
RlDraft *rl_making_draft(const virStorageVolDef *vol);

/**
 * rl_making_end:
 * Frees the draft of @vol, published or not. For the thread that builds; the definition itself may
 * be another copy.
 */
void rl_making_end(const virStorageVolDef *vol);

/**
 * rl_making_is_pending:
 * True if @vol was begun and neither built nor seen by rl_making_forget() since: there is no volume
 * of ours behind it.
 */
bool rl_making_is_pending(const virStorageVolDef *vol);

/**
 * rl_making_forget:
 * Says that @vol was built and is a volume like any other from now on. True if it was not said
 * before.
 */
bool rl_making_forget(virStorageVolDef *vol);

/**
 * rl_making_stat:
 * Looks at how far the draft of @vol is, from any thread. False where there is none.
 */
bool rl_making_stat(const virStorageVolDef *vol, struct stat *ret_st);
