/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "other-pools.h"

#include "capabilities.h"
#include "virerror.h"

#include "clone-source.h"
#include "module.h"
#include "other-pool-targets.h"

/* What was registered, by type: written once, by wrap(). */
static virStorageBackend originals[VIR_STORAGE_POOL_LAST];

static const virStorageBackend *
original(virStoragePoolObj *obj)
{
    return &originals[virStoragePoolObjGetDef(obj)->type];
}

/* libvirt calls the destination's function with the source of a clone. */
static int
refresh(virStoragePoolObj *obj, virStorageVolDef *vol)
{
    g_autoptr(RlPool) pool = NULL;
    GError *error = NULL;

    if (virStorageVolDefFindByName(obj, vol->name) == vol)
        return original(obj)->refreshVol(obj, vol);
    if (!rl_clone_source_pool(vol, &pool, &error))
        return rl_report(error);
    return pool ? rl_vol_refresh_source(vol, pool) : original(obj)->refreshVol(obj, vol);
}

static int
build_from(virStoragePoolObj *obj, virStorageVolDef *vol, virStorageVolDef *input,
           unsigned int flags)
{
    return rl_clone_source_build_stock(original(obj)->buildVolFrom, obj, vol, input, flags);
}

static void
wrap_type(int type)
{
    virStorageBackend *backend = virStorageBackendForType(type);

    if (!backend || type == VIR_STORAGE_POOL_DIR)
        return;
    rl_other_pool_targets_wrap(backend);
    if (!backend->buildVolFrom)
        return;
    originals[type] = *backend;
    backend->buildVolFrom = build_from;
    if (backend->refreshVol)
        backend->refreshVol = refresh;
}

void
rl_other_pools_wrap(void)
{
    static gsize once = 0;

    if (!g_once_init_enter(&once))
        return;
    /* Asking for a type that is not there would be an error in the log. */
    virCaps *all = virStorageBackendGetCapabilities();
    for (size_t i = 0; all && i < all->npools; i++)
        wrap_type(all->pools[i]->type);
    virObjectUnref(all);
    g_once_init_leave(&once, 1);
}
