/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "new-volume.h"

#include "virerror.h"

#include "backing-store.h"
#include "module.h"
#include "rights.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

RlAccess
rl_new_volume_access(const virStorageVolDef *vol)
{
    RlAccess access = RL_ACCESS_DEFAULT;

    if (!vol->target.perms)
        return access;
    if (vol->target.perms->mode != (mode_t) -1)
        access.mode = vol->target.perms->mode;
    access.uid = vol->target.perms->uid;
    access.gid = vol->target.perms->gid;
    return access;
}

/* By its name, else by the pool's rules. */
static RlKind
decide_kind(const RlStagedImage *draft, const virStorageVolDef *vol)
{
    if (draft->asked.given)
        return draft->asked.kind;
    return (vol->target.backingStore ? rl_options_backing : rl_options_kind)(draft->pool->options,
                                                                             draft->name->volume);
}

static int
require_fitting_backing(const RlStagedImage *draft, const virStorageVolDef *vol, RlKind kind)
{
    if (!vol->target.backingStore && kind == RL_KIND_SNAPSHOT) {
        virReportError(
            VIR_ERR_INVALID_ARG,
            "volume '%s' is to be a snapshot volume, and needs a <backingStore>, which names "
            "its source",
            draft->name->volume);
        return -1;
    }
    if (vol->target.backingStore && kind == RL_KIND_VOLATILE) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "volume '%s' is to be volatile, and so empty at each start: leave out its "
                       "<backingStore>",
                       draft->name->volume);
        return -1;
    }
    return 0;
}

void
rl_new_volume_clear(RlNewVolume *new)
{
    g_clear_pointer(&new->record, rl_record_free);
    g_clear_pointer(&new->source, g_free);
}

/* A backing store is the source of a snapshot, or the content of a clone. */
static int
decide_backed(virStoragePoolObj *obj, const RlStagedImage *draft, const virStorageVolDef *vol,
              RlNewVolume *new)
{
    GError *error = NULL;

    new->record = rl_backing_store_record(draft->pool, vol, &error);
    if (!new->record)
        return rl_report(error);
    if (rl_rights_require(virStoragePoolObjGetDef(obj), new->record->source, RL_RIGHT_READ) < 0)
        return -1;
    if (decide_kind(draft, vol) == RL_KIND_SNAPSHOT)
        return 0;
    new->source = g_steal_pointer(&new->record->source);
    g_clear_pointer(&new->record, rl_record_free);
    return 0;
}

int
rl_new_volume_decide(virStoragePoolObj *obj, const RlStagedImage *draft,
                     const virStorageVolDef *vol, RlNewVolume *new)
{
    RlKind kind = decide_kind(draft, vol);

    if (require_fitting_backing(draft, vol, kind) < 0)
        return -1;
    if (vol->target.backingStore && decide_backed(obj, draft, vol, new) < 0)
        return -1;
    if (!new->record && kind != RL_KIND_PERSISTENT) {
        new->record = rl_record_new(kind, NULL, vol->target.capacity);
        new->record->access = rl_new_volume_access(vol);
    }
    return 0;
}
