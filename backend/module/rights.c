/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rights.h"

#include <string.h>

#include "access/viraccessmanager.h"
#include "datatypes.h"
#include "driver.h"
#include "virerror.h"
#include "viridentity.h"

#include "common/format/file-name.h"
#include "common/format/volume-name.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

/* What libvirt calls the drivers whose connections may be served by this daemon's storage driver:
 * rules may ask for that ("connect_driver"). With modular daemons it is always "storage". */
static const char *const connections[] = {"storage", "QEMU", "xenlight", "LXC", "CH", "Parallels"};

static const struct {
    virAccessPermStorageVol permission;
    const char *name, *verb, *need;
} rights[] = {
    [RL_RIGHT_READ] = {VIR_ACCESS_PERM_STORAGE_VOL_DATA_READ, "data-read", "read", "download"},
    [RL_RIGHT_WRITE] = {VIR_ACCESS_PERM_STORAGE_VOL_DATA_WRITE, "data-write", "replaced",
                        "upload to"},
    [RL_RIGHT_CREATE] = {VIR_ACCESS_PERM_STORAGE_VOL_CREATE, "create", "created", "create"},
    [RL_RIGHT_RESIZE] = {VIR_ACCESS_PERM_STORAGE_VOL_RESIZE, "resize", "resized", "resize"},
    [RL_RIGHT_DELETE] = {VIR_ACCESS_PERM_STORAGE_VOL_DELETE, "delete", "made another kind",
                         "delete"},
};

static bool
is_allowed(const virStoragePoolDef *pool, const virStorageVolDef *vol, RlRight right)
{
    virAccessManager *manager = virAccessManagerGetDefault();
    bool allowed = false;

    /* The manager changes neither. */
    for (size_t i = 0; manager && !allowed && i < G_N_ELEMENTS(connections); i++)
        allowed =
            virAccessManagerCheckStorageVol(manager, connections[i], (virStoragePoolDef *) pool,
                                            (virStorageVolDef *) vol, rights[right].permission) > 0;
    virObjectUnref(manager);
    if (allowed)
        virResetLastError(); /* one that could not be asked before */
    return allowed;
}

static int
require(const virStoragePoolDef *pool, const virStorageVolDef *vol, RlRight right)
{
    if (is_allowed(pool, vol, right))
        return 0;
    virReportError(VIR_ERR_ACCESS_DENIED,
                   "this would change volume '%s' of pool '%s' (%s) and needs the right to %s it "
                   "(storage-vol.%s)",
                   vol->name, pool->name, rights[right].verb, rights[right].need,
                   rights[right].name);
    return -1;
}

int
rl_rights_require(const virStoragePoolDef *pool, const char *name, RlRight right)
{
    g_autoptr(RlName) parts = rl_name_parse(name, NULL);
    g_autofree char *file = parts ? rl_file_name(parts->leaf, RL_FILE_DIRTY) : NULL;
    g_autofree char *path =
        parts ? g_build_filename(pool->target.path, parts->dir, file, NULL) : NULL;
    virStorageVolDef vol = {.name = (char *) name, .key = path};

    return require(pool, &vol, right);
}

/* The pool that libvirt knows @key in. Which one that is, is no secret of the caller's. */
static virStoragePoolPtr
look_up(const char *key)
{
    g_autoptr(virIdentity) caller = virIdentityGetCurrent();
    g_autoptr(virIdentity) daemon = virIdentityGetSystem();
    g_autoptr(virConnect) connection = NULL;
    g_autoptr(virStorageVol) vol = NULL;
    virStoragePoolPtr pool = NULL;

    if (!daemon || virIdentitySetCurrent(daemon) < 0)
        return NULL;
    connection = virGetConnectStorage();
    if (connection)
        vol = virStorageVolLookupByKey(connection, key);
    if (vol)
        pool = virStoragePoolLookupByVolume(vol);
    if (virIdentitySetCurrent(caller) < 0)
        g_clear_pointer(&pool, virStoragePoolFree);
    return pool;
}

int
rl_rights_require_source(virStoragePoolObj *obj, const virStorageVolDef *input)
{
    virStoragePoolDef found = {0};

    if (virStorageVolDefFindByName(obj, input->name) == input)
        return require(virStoragePoolObjGetDef(obj), input, RL_RIGHT_READ);

    g_autoptr(virStoragePool) pool = input->key ? look_up(input->key) : NULL;
    if (!pool) {
        virReportError(VIR_ERR_ACCESS_DENIED,
                       "cannot determine the pool of source volume '%s', nor the right to read it",
                       input->name);
        return -1;
    }
    found.name = pool->name;
    memcpy(found.uuid, pool->uuid, sizeof(found.uuid));
    return require(&found, input, RL_RIGHT_READ);
}
