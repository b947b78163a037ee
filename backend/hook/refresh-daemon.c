/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "refresh-daemon.h"

#include <dlfcn.h>
#include <glib.h>
#include <libvirt/libvirt.h>

#include "backend/libvirt/pool-registry.h"
#include "common/format/file-name.h"
#include "common/format/volume-name.h"

/* libvirt's client library takes longer to load than a hook takes to run, so only the worker has
 * it. */
typedef struct {
    void *handle;
    __typeof__(&virConnectOpen) open;
    __typeof__(&virConnectClose) close;
    __typeof__(&virStorageVolLookupByPath) lookup;
    __typeof__(&virStorageVolGetInfo) get_info;
    __typeof__(&virStorageVolFree) free;
} Library;

static bool
load(Library *library)
{
    library->handle = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library->handle)
        return false;
    library->open = dlsym(library->handle, "virConnectOpen");
    library->close = dlsym(library->handle, "virConnectClose");
    library->lookup = dlsym(library->handle, "virStorageVolLookupByPath");
    library->get_info = dlsym(library->handle, "virStorageVolGetInfo");
    library->free = dlsym(library->handle, "virStorageVolFree");
    return library->open && library->close && library->lookup && library->get_info && library->free;
}

static void
ask(const Library *library, virConnectPtr connection, const char *path)
{
    virStorageVolInfo info;
    virStorageVolPtr volume = library->lookup(connection, path);

    if (!volume)
        return;
    library->get_info(volume, &info);
    library->free(volume);
}

void
rl_refresh_daemon(const char *root, const char *name)
{
    g_autoptr(RlName) parts = rl_name_parse_volume(name, NULL);
    Library library = {0};

    if (!parts || !load(&library))
        return;

    g_autofree char *file = rl_file_name(parts->leaf, RL_FILE_DIRTY);
    g_autofree char *known_root = rl_pools_path(root);
    g_autofree char *path = g_build_filename(known_root, parts->dir, file, NULL);
    /* The storage driver's own, whichever daemon has it. */
    virConnectPtr connection = library.open("storage:///system");
    if (!connection)
        return;
    ask(&library, connection, path);
    library.close(connection);
}
