/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module's vtable, and how it gets into libvirt: into the registered backend for directory
 * pools. */
#include "module.h"

#include "backend/shim/module-abi.h"
#include "build-ids.h"
#include "namespace.h"
#include "proof.h"

static const virStorageBackend reflink = {
    .type = VIR_STORAGE_POOL_DIR,

    .checkPool = rl_pool_check_cb,
    .startPool = rl_pool_start_cb,
    .stopPool = rl_pool_stop_cb,
    .buildPool = rl_pool_build_cb,
    .refreshPool = rl_pool_refresh_cb,
    .deletePool = rl_pool_delete_cb,

    .createVol = rl_vol_create_cb,
    .buildVol = rl_vol_build_cb,
    .buildVolFrom = rl_vol_build_from_cb,
    .refreshVol = rl_vol_refresh_cb,
    .deleteVol = rl_vol_delete_cb,
    .resizeVol = rl_vol_resize_cb,
    .uploadVol = rl_vol_upload_cb,
    .downloadVol = rl_vol_download_cb,
    .wipeVol = rl_vol_wipe_cb,
};

/* What was in its place: written once, by attach(), before any pool is. */
static virStorageBackend stock;

const virStorageBackend *
rl_stock(void)
{
    return &stock;
}

/* libvirt hands out the struct that is registered, and it is writable
 * (src/storage/storage_backend.c). What directory pools have that we do not know of stays as it is.
 */
static int
attach(void)
{
    virStorageBackend *registered = virStorageBackendForType(VIR_STORAGE_POOL_DIR);

    if (!registered || rl_namespace_register() < 0)
        return -1;
    stock = *registered;

    registered->checkPool = reflink.checkPool;
    registered->startPool = reflink.startPool;
    registered->stopPool = reflink.stopPool;
    registered->buildPool = reflink.buildPool;
    registered->refreshPool = reflink.refreshPool;
    registered->deletePool = reflink.deletePool;
    registered->createVol = reflink.createVol;
    registered->buildVol = reflink.buildVol;
    registered->buildVolFrom = reflink.buildVolFrom;
    registered->refreshVol = reflink.refreshVol;
    registered->deleteVol = reflink.deleteVol;
    registered->resizeVol = reflink.resizeVol;
    registered->uploadVol = reflink.uploadVol;
    registered->downloadVol = reflink.downloadVol;
    registered->wipeVol = reflink.wipeVol;
    return 0;
}

__attribute__((visibility("default"))) const char libvirt_reflink_version[] = RL_VERSION;

__attribute__((visibility("default"))) const RlModule libvirt_reflink_module_2 = {
    .libvirt_build = LIBVIRT_BUILD_ID,
    .storage_driver_build = STORAGE_DRIVER_BUILD_ID,
    .prove = rl_proof,
    .attach = attach,
};
