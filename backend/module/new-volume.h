/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a new volume is to be that is made without another volume in libvirt's hands (vol-create):
 * its kind, its source, its access. */
#pragma once

#include "storage_backend.h"
#include "virstorageobj.h"

#include "common/operation/staged-image.h"

typedef struct {
    RlRecord *record; /* owned; NULL for a persistent volume */
    char *source;     /* owned; the volume of the pool whose content it begins with, once and for
                         all; NULL where it begins empty, or is a snapshot */
} RlNewVolume;

/**
 * rl_new_volume_decide:
 * Says in @new, which is empty, what @vol is to be: of the kind that its name asks for, else of
 * that of the pool's rules. A <backingStore> is the source of a snapshot, unless name or rules say
 * that the volume is persistent or direct: then it begins as a clone of it. 0, or -1 with libvirt's
 * error set, for example where the caller may not read the source; @new may hold something then.
 */
int rl_new_volume_decide(virStoragePoolObj *obj, const RlStagedImage *draft,
                         const virStorageVolDef *vol, RlNewVolume *new);

/**
 * rl_new_volume_clear:
 * Frees what is in @new.
 */
void rl_new_volume_clear(RlNewVolume *new);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlNewVolume, rl_new_volume_clear)

/**
 * rl_new_volume_access:
 * Returns the mode, owner and group that the <permissions> of @vol ask for, else the default.
 */
RlAccess rl_new_volume_access(const virStorageVolDef *vol);
