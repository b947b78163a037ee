/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt calls the module by, and what it hands out besides definitions. */
#include "proof.h"

#include <string.h>
#include <unistd.h>

#include "access/viraccessmanager.h"
#include "capabilities.h"
#include "datatypes.h"
#include "storage_backend.h"
#include "storage_util.h"
#include "virfdstream.h"

/* The stock backend's functions that are known by name; the others lie between these. */
static bool
is_backend(const virStorageBackend *dir)
{
    return dir && dir->type == VIR_STORAGE_POOL_DIR && dir->checkPool && dir->buildPool &&
           dir->refreshPool == virStorageBackendRefreshLocal &&
           dir->deletePool == virStorageBackendDeleteLocal &&
           dir->buildVol == virStorageBackendVolBuildLocal &&
           dir->buildVolFrom == virStorageBackendVolBuildFromLocal &&
           dir->createVol == virStorageBackendVolCreateLocal &&
           dir->refreshVol == virStorageBackendVolRefreshLocal &&
           dir->deleteVol == virStorageBackendVolDeleteLocal &&
           dir->resizeVol == virStorageBackendVolResizeLocal &&
           dir->uploadVol == virStorageBackendVolUploadLocal &&
           dir->downloadVol == virStorageBackendVolDownloadLocal &&
           dir->wipeVol == virStorageBackendVolWipeLocal;
}

static bool
lists_pool_types(void)
{
    virCaps *all = virStorageBackendGetCapabilities();
    bool found = false;

    for (size_t i = 0; all && i < all->npools && i < VIR_STORAGE_POOL_LAST; i++)
        found = found || all->pools[i]->type == VIR_STORAGE_POOL_DIR;
    found = found && all->npools <= VIR_STORAGE_POOL_LAST;
    virObjectUnref(all);
    return found;
}

static bool
names_rights(void)
{
    static const struct {
        virAccessPermStorageVol permission;
        const char *name;
    } rights[] = {
        {VIR_ACCESS_PERM_STORAGE_VOL_CREATE, "create"},
        {VIR_ACCESS_PERM_STORAGE_VOL_DELETE, "delete"},
        {VIR_ACCESS_PERM_STORAGE_VOL_RESIZE, "resize"},
        {VIR_ACCESS_PERM_STORAGE_VOL_DATA_READ, "data_read"},
        {VIR_ACCESS_PERM_STORAGE_VOL_DATA_WRITE, "data_write"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rights); i++)
        if (g_strcmp0(virAccessPermStorageVolTypeToString(rights[i].permission), rights[i].name))
            return false;
    return true;
}

static bool
names_pools(void)
{
    static const unsigned char uuid[VIR_UUID_BUFLEN] = {1, 2, 3, [VIR_UUID_BUFLEN - 1] = 16};
    g_autoptr(virConnect) connection = virGetConnect();
    g_autoptr(virStoragePool) pool =
        connection ? virGetStoragePool(connection, "proof", uuid, NULL, NULL) : NULL;

    return pool && g_strcmp0(pool->name, "proof") == 0 &&
           memcmp(pool->uuid, uuid, sizeof(uuid)) == 0;
}

/* A stream of ours, whose functions say which they are. */
enum { SEND = 3, HOLE, FINISH, ABORT, ADD, UPDATE, REMOVE };

static int
answer_send(virStreamPtr stream, const char *data, size_t size)
{
    (void) stream;
    return *data == 'x' && size == 1 ? SEND : -1;
}

static int
answer_hole(virStreamPtr stream, long long length, unsigned int flags)
{
    (void) stream;
    return length == 5 && flags == 0 ? HOLE : -1;
}

static int
answer_finish(virStreamPtr stream)
{
    (void) stream;
    return FINISH;
}

static int
answer_abort(virStreamPtr stream)
{
    (void) stream;
    return ABORT;
}

static int
answer_add(virStreamPtr stream, int events, virStreamEventCallback callback, void *opaque,
           virFreeCallback release)
{
    (void) stream;
    return events == VIR_STREAM_EVENT_WRITABLE && callback && !opaque && !release ? ADD : -1;
}

static int
answer_update(virStreamPtr stream, int events)
{
    (void) stream;
    return events == VIR_STREAM_EVENT_WRITABLE ? UPDATE : -1;
}

static int
answer_remove(virStreamPtr stream)
{
    (void) stream;
    return REMOVE;
}

static void
no_event(virStreamPtr stream, int events, void *opaque)
{
    (void) stream;
    (void) events;
    (void) opaque;
}

static bool
calls_driver(virStreamPtr stream)
{
    return virStreamSend(stream, "x", 1) == SEND && virStreamSendHole(stream, 5, 0) == HOLE &&
           virStreamEventAddCallback(stream, VIR_STREAM_EVENT_WRITABLE, no_event, NULL, NULL) ==
               ADD &&
           virStreamEventUpdateCallback(stream, VIR_STREAM_EVENT_WRITABLE) == UPDATE &&
           virStreamEventRemoveCallback(stream) == REMOVE && virStreamFinish(stream) == FINISH &&
           virStreamAbort(stream) == ABORT;
}

/* libvirt's own stream, around @fd, is the shell of an upload's. */
static bool
is_shell(virStreamPtr stream, int fd)
{
    virStreamDriver answers = {
        .streamSend = answer_send,
        .streamSendHole = answer_hole,
        .streamFinish = answer_finish,
        .streamAbort = answer_abort,
        .streamEventAddCallback = answer_add,
        .streamEventUpdateCallback = answer_update,
        .streamEventRemoveCallback = answer_remove,
    };

    if (stream->driver || virFDStreamOpen(stream, fd) < 0 || !stream->driver)
        return false;
    virStreamDriver *shell = stream->driver;
    stream->driver = &answers;
    bool called = calls_driver(stream);
    stream->driver = shell;
    return shell->streamAbort(stream) == 0 && called;
}

static bool
has_streams(void)
{
    g_autoptr(virConnect) connection = virGetConnect();
    virStreamPtr stream = connection ? virGetStream(connection) : NULL;
    int ends[2];

    if (!stream || pipe(ends) < 0)
        return false;
    bool right = is_shell(stream, ends[1]); /* which closes it */
    close(ends[0]);
    virObjectUnref(stream);
    return right;
}

const char *
rl_proof_objects(void)
{
    if (!is_backend(virStorageBackendForType(VIR_STORAGE_POOL_DIR)))
        return "the table of a backend (virStorageBackend)";
    if (!lists_pool_types())
        return "the list of pool types (virCaps)";
    if (!names_rights())
        return "the rights to a volume (virAccessPermStorageVol)";
    if (!names_pools())
        return "a client's pool (virStoragePool)";
    return has_streams() ? NULL : "a stream (virStream, virStreamDriver)";
}
