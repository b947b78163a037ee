/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "other-pool-targets.h"

#include "virerror.h"

#include "common/base/error.h"
#include "common/operation/pool-build.h"
#include "module.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

/* What was registered, by type: written once, by rl_other_pool_targets_wrap(). */
static virStorageBackend originals[VIR_STORAGE_POOL_LAST];

static const virStorageBackend *
original(virStoragePoolObj *obj)
{
    return &originals[virStoragePoolObjGetDef(obj)->type];
}

/* Has it a directory with images, on what it mounts there? */
static bool
mounts(int type)
{
    return type == VIR_STORAGE_POOL_FS || type == VIR_STORAGE_POOL_NETFS ||
           type == VIR_STORAGE_POOL_VSTORAGE;
}

/* Is it made of devices that are named by a path? */
static bool
has_devices(int type)
{
    return type == VIR_STORAGE_POOL_FS || type == VIR_STORAGE_POOL_LOGICAL ||
           type == VIR_STORAGE_POOL_DISK;
}

static int
report(GError *error, const virStoragePoolDef *def)
{
    rl_error_about(&error, "pool", def->name);
    return rl_report(error);
}

/* Where root may not look (a network's file system) no pool can be. */
static bool
look(const char *path, bool *ret_is_pool, GError **error)
{
    g_autoptr(GError) cause = NULL;
    RlMarker marker;

    if (!rl_pool_look(path, &marker, &cause)) {
        *ret_is_pool = false;
        if (rl_error_is_errno(cause, EACCES))
            return true;
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    *ret_is_pool = marker != RL_MARKER_NONE;
    return true;
}

static bool
require_devices_outside(const virStoragePoolDef *def, GError **error)
{
    for (size_t i = 0; has_devices(def->type) && i < def->source.ndevice; i++) {
        const char *source = def->source.devices[i].path;
        /* The daemon's programs take another one from its directory. */
        g_autofree char *device = source ? g_canonicalize_filename(source, NULL) : NULL;
        g_autofree char *root = NULL, *inside = NULL;
        if (!device || !rl_pool_find(device, &root, &inside, error)) {
            if (device)
                return false;
            continue;
        }
        if (root)
            return rl_fail(error, RL_ERROR_INVALID,
                           "its source '%s' is a file in the reflink pool '%s', and the pool of "
                           "that source would write to the file in place. Use a copy of the file",
                           device, root);
    }
    return true;
}

static bool
require_outside(const virStoragePoolDef *def, GError **error)
{
    if (mounts(def->type) && !rl_pool_require_outside(def->target.path, error))
        return false;
    return require_devices_outside(def, error);
}

static int
build(virStoragePoolObj *obj, unsigned int flags)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    GError *error = NULL;

    return require_outside(def, &error) ? original(obj)->buildPool(obj, flags) : report(error, def);
}

/* What is there already is not mounted again. */
static bool
require_not_hidden(const virStoragePoolDef *def, bool mounted, GError **error)
{
    bool is_pool;

    if (!mounts(def->type) || mounted)
        return true;
    if (!look(def->target.path, &is_pool, error))
        return false;
    return !is_pool || rl_fail(error, RL_ERROR_INVALID,
                               "its file system would be mounted over the reflink pool '%s', and "
                               "hide it. Give this pool another target",
                               def->target.path);
}

static bool
is_mounted(virStoragePoolObj *obj)
{
    bool active = false;

    return mounts(virStoragePoolObjGetDef(obj)->type) && original(obj)->checkPool &&
           original(obj)->checkPool(obj, &active) == 0 && active;
}

/* What is mounted can be a part of a reflink pool. */
static int
start(virStoragePoolObj *obj)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    bool mounted = is_mounted(obj);
    GError *error = NULL;

    if (!require_outside(def, &error) || !require_not_hidden(def, mounted, &error))
        return report(error, def);
    if (original(obj)->startPool && original(obj)->startPool(obj) < 0)
        return -1;
    if (require_outside(def, &error))
        return 0;
    if (!mounted && original(obj)->stopPool)
        original(obj)->stopPool(obj);
    return report(error, def);
}

static int
check(virStoragePoolObj *obj, bool *active)
{
    bool before = virStoragePoolObjIsActive(obj);

    if (original(obj)->checkPool(obj, active) < 0)
        return -1;
    if (*active)
        *active = rl_stock_stays_active(virStoragePoolObjGetDef(obj), before);
    return 0;
}

/* Asked each time: a reflink pool may have been built around it since, or there. */
static int
require_no_pool(virStoragePoolObj *obj)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    GError *error = NULL;
    bool is_pool;

    if (!rl_pool_require_outside(def->target.path, &error) ||
        !look(def->target.path, &is_pool, &error))
        return report(error, def);
    if (!is_pool)
        return 0;
    rl_fail(&error, RL_ERROR_INVALID,
            "its directory '%s' is a reflink pool. Change volumes through the reflink pool, which "
            "is of type 'dir'",
            def->target.path);
    return report(error, def);
}

int
rl_other_pool_require_name(const virStorageVolDef *vol)
{
    if (!rl_pool_is_marker(vol->name))
        return 0;
    virReportError(VIR_ERR_INVALID_ARG,
                   "no volume can be called '%s': that file makes a directory a reflink pool. "
                   "Choose another name",
                   vol->name);
    return -1;
}

static int
create_volume(virStoragePoolObj *obj, virStorageVolDef *vol)
{
    return require_no_pool(obj) < 0 || rl_other_pool_require_name(vol) < 0
               ? -1
               : original(obj)->createVol(obj, vol);
}

static int
build_volume(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int flags)
{
    return require_no_pool(obj) < 0 ? -1 : original(obj)->buildVol(obj, vol, flags);
}

static int
build_volume_from(virStoragePoolObj *obj, virStorageVolDef *vol, virStorageVolDef *input,
                  unsigned int flags)
{
    return require_no_pool(obj) < 0 ? -1 : original(obj)->buildVolFrom(obj, vol, input, flags);
}

static int
delete_volume(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int flags)
{
    return require_no_pool(obj) < 0 ? -1 : original(obj)->deleteVol(obj, vol, flags);
}

static int
resize_volume(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned long long capacity,
              unsigned int flags)
{
    return require_no_pool(obj) < 0 ? -1 : original(obj)->resizeVol(obj, vol, capacity, flags);
}

static int
upload_volume(virStoragePoolObj *obj, virStorageVolDef *vol, virStreamPtr stream,
              unsigned long long offset, unsigned long long length, unsigned int flags)
{
    if (require_no_pool(obj) < 0)
        return -1;
    return original(obj)->uploadVol(obj, vol, stream, offset, length, flags);
}

static int
wipe_volume(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int algorithm,
            unsigned int flags)
{
    return require_no_pool(obj) < 0 ? -1 : original(obj)->wipeVol(obj, vol, algorithm, flags);
}

/* Only those that there are: libvirt tells by that what a pool can do. */
static void
wrap_volumes(virStorageBackend *backend)
{
    if (backend->createVol)
        backend->createVol = create_volume;
    if (backend->buildVol)
        backend->buildVol = build_volume;
    if (backend->buildVolFrom)
        backend->buildVolFrom = build_volume_from;
    if (backend->deleteVol)
        backend->deleteVol = delete_volume;
    if (backend->resizeVol)
        backend->resizeVol = resize_volume;
    if (backend->uploadVol)
        backend->uploadVol = upload_volume;
    if (backend->wipeVol)
        backend->wipeVol = wipe_volume;
}

void
rl_other_pool_targets_wrap(virStorageBackend *backend)
{
    int type = backend->type;

    if (!mounts(type) && !has_devices(type))
        return;
    originals[type] = *backend;
    backend->startPool = start;
    if (backend->buildPool)
        backend->buildPool = build;
    if (!mounts(type))
        return;
    if (backend->checkPool)
        backend->checkPool = check;
    wrap_volumes(backend);
}
