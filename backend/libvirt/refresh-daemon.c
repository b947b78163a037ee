/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "refresh-daemon.h"

#include <dlfcn.h>
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>

#include "common/format/file-name.h"
#include "common/format/volume-name.h"
#include "pool-registry.h"

/* libvirt's client library takes longer to load than a hook takes to run, so only who waits for
 * nobody has it. */
typedef struct {
    void *handle;
    __typeof__(&virSetErrorFunc) set_error_func;
    __typeof__(&virConnectOpen) open;
    __typeof__(&virConnectClose) close;
    __typeof__(&virStorageVolLookupByKey) lookup;
    __typeof__(&virStorageVolGetInfo) get_info;
    __typeof__(&virStorageVolFree) free;
    __typeof__(&virStoragePoolLookupByTargetPath) lookup_pool;
    __typeof__(&virStoragePoolRefresh) refresh_pool;
    __typeof__(&virStoragePoolFree) free_pool;
} Library;

static bool
load(Library *library)
{
    library->handle = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library->handle)
        return false;
    library->set_error_func = dlsym(library->handle, "virSetErrorFunc");
    library->open = dlsym(library->handle, "virConnectOpen");
    library->close = dlsym(library->handle, "virConnectClose");
    library->lookup = dlsym(library->handle, "virStorageVolLookupByKey");
    library->get_info = dlsym(library->handle, "virStorageVolGetInfo");
    library->free = dlsym(library->handle, "virStorageVolFree");
    library->lookup_pool = dlsym(library->handle, "virStoragePoolLookupByTargetPath");
    library->refresh_pool = dlsym(library->handle, "virStoragePoolRefresh");
    library->free_pool = dlsym(library->handle, "virStoragePoolFree");
    return library->set_error_func && library->open && library->close && library->lookup &&
           library->get_info && library->free && library->lookup_pool && library->refresh_pool &&
           library->free_pool;
}

/* The library would print it. */
static void
ignore_error(void *data, virErrorPtr error)
{
    (void) data;
    (void) error;
}

/* To the storage driver's own, whichever daemon has it; NULL where there is none. */
static virConnectPtr
connect_to_daemon(Library *library)
{
    if (!load(library))
        return NULL;
    library->set_error_func(NULL, ignore_error);
    /* It writes to a daemon that may just have gone. */
    signal(SIGPIPE, SIG_IGN);
    return library->open("storage:///system");
}

void
rl_refresh_daemon(const char *root, const char *name)
{
    g_autoptr(RlName) parts = rl_name_parse_volume(name, NULL);
    Library library = {0};
    virStorageVolInfo info;
    virConnectPtr connection = parts ? connect_to_daemon(&library) : NULL;

    if (!connection)
        return;
    g_autofree char *file = rl_file_name(parts->leaf, RL_FILE_DIRTY);
    g_autofree char *known_root = rl_pools_path(root);
    /* The path of the volume can be a link. */
    g_autofree char *key = g_build_filename(known_root, parts->dir, file, NULL);
    virStorageVolPtr volume = library.lookup(connection, key);
    if (volume) {
        library.get_info(volume, &info);
        library.free(volume);
    }
    library.close(connection);
}

void
rl_refresh_daemon_pool(const char *root)
{
    Library library = {0};
    virConnectPtr connection = connect_to_daemon(&library);

    if (!connection)
        return;
    g_autofree char *known_root = rl_pools_path(root);
    virStoragePoolPtr pool = library.lookup_pool(connection, known_root);
    if (pool) {
        library.refresh_pool(pool, 0);
        library.free_pool(pool);
    }
    library.close(connection);
}
