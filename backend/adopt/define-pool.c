/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "define-pool.h"

#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/fs/inode.h"
#include "xml/namespace.h"
#include "xml/pool-definition.h"

/* libvirt's client library is loaded by who needs it (backend/libvirt/refresh-daemon.c). */
typedef struct {
    virConnectPtr connection;
    __typeof__(&virSetErrorFunc) set_error_func;
    __typeof__(&virGetLastErrorMessage) last_error;
    __typeof__(&virConnectOpen) open;
    __typeof__(&virConnectClose) close;
    __typeof__(&virStoragePoolLookupByName) lookup;
    __typeof__(&virStoragePoolDefineXML) define;
    __typeof__(&virStoragePoolUndefine) undefine;
    __typeof__(&virStoragePoolCreate) create;
    __typeof__(&virStoragePoolSetAutostart) autostart;
    __typeof__(&virStoragePoolIsActive) active;
    __typeof__(&virStoragePoolGetUUIDString) uuid;
    __typeof__(&virStoragePoolGetXMLDesc) xml;
    __typeof__(&virStoragePoolFree) free;
} Daemon;

static void
daemon_clear(Daemon *daemon)
{
    if (daemon->connection)
        daemon->close(daemon->connection);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Daemon, daemon_clear)

/* The library would print it. */
static void
ignore_error(void *data, virErrorPtr error)
{
    (void) data;
    (void) error;
}

static bool
load(Daemon *daemon)
{
    void *handle = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        return false;
    daemon->set_error_func = dlsym(handle, "virSetErrorFunc");
    daemon->last_error = dlsym(handle, "virGetLastErrorMessage");
    daemon->open = dlsym(handle, "virConnectOpen");
    daemon->close = dlsym(handle, "virConnectClose");
    daemon->lookup = dlsym(handle, "virStoragePoolLookupByName");
    daemon->define = dlsym(handle, "virStoragePoolDefineXML");
    daemon->undefine = dlsym(handle, "virStoragePoolUndefine");
    daemon->create = dlsym(handle, "virStoragePoolCreate");
    daemon->autostart = dlsym(handle, "virStoragePoolSetAutostart");
    daemon->active = dlsym(handle, "virStoragePoolIsActive");
    daemon->uuid = dlsym(handle, "virStoragePoolGetUUIDString");
    daemon->xml = dlsym(handle, "virStoragePoolGetXMLDesc");
    daemon->free = dlsym(handle, "virStoragePoolFree");
    return daemon->set_error_func && daemon->last_error && daemon->open && daemon->close &&
           daemon->lookup && daemon->define && daemon->undefine && daemon->create &&
           daemon->autostart && daemon->active && daemon->uuid && daemon->xml && daemon->free;
}

static bool
connect_to(Daemon *daemon, GError **error)
{
    if (!load(daemon))
        return rl_fail(
            error, RL_ERROR_STATE,
            "cannot ask libvirt: its client library (libvirt.so.0) cannot be loaded. Install it");
    daemon->set_error_func(NULL, ignore_error);
    daemon->connection = daemon->open("storage:///system");
    return daemon->connection ||
           rl_fail(error, RL_ERROR_STATE, "cannot ask libvirt's daemon: %s", daemon->last_error());
}

static bool
fail_said(const Daemon *daemon, const char *what, const char *name, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE, "cannot %s pool '%s' in libvirt: %s", what, name,
                   daemon->last_error());
}

/* The definition of @pool, owned by the caller. */
static char *
read_xml(const Daemon *daemon, virStoragePoolPtr pool)
{
    char *text = daemon->xml(pool, VIR_STORAGE_XML_INACTIVE), *xml = g_strdup(text);

    free(text);
    return xml;
}

static bool
is_at(const char *xml, const char *path)
{
    g_autoptr(RlPoolDefinition) definition =
        xml ? rl_xml_pool_definition_parse(xml, strlen(xml), "pool", NULL) : NULL;
    struct stat there, wanted;

    return definition && definition->directory && definition->path &&
           stat(definition->path, &there) == 0 && stat(path, &wanted) == 0 &&
           rl_stat_same(&there, &wanted);
}

bool
rl_define_pool_find(const char *name, const char *path, char **ret_uuid, GError **error)
{
    g_auto(Daemon) daemon = {0};
    char uuid[VIR_UUID_STRING_BUFLEN];

    *ret_uuid = NULL;
    if (!connect_to(&daemon, error))
        return false;
    virStoragePoolPtr pool = daemon.lookup(daemon.connection, name);
    if (!pool)
        return true;
    g_autofree char *xml = read_xml(&daemon, pool);
    bool same = is_at(xml, path);
    if (same && daemon.uuid(pool, uuid) == 0)
        *ret_uuid = g_strdup(uuid);
    daemon.free(pool);
    return same ||
           rl_fail(error, RL_ERROR_EXISTS,
                   "libvirt has another pool that is called '%s'. Choose another name", name);
}

/* Without the module, libvirt leaves out what is ours, and would take images for others. */
static bool
require_ours(const Daemon *daemon, virStoragePoolPtr pool, const char *name, bool is_new,
             GError **error)
{
    g_autofree char *xml = read_xml(daemon, pool);

    if (xml && strstr(xml, RL_XML_NAMESPACE))
        return true;
    if (is_new)
        daemon->undefine(pool);
    return rl_fail(error, RL_ERROR_STATE,
                   "libvirt's daemon treats pool '%s' as a plain directory, because it has not "
                   "loaded the module. Type 'virt-reflink doctor'",
                   name);
}

static bool
start(const Daemon *daemon, virStoragePoolPtr pool, const char *name, bool *ret_was, GError **error)
{
    *ret_was = daemon->active(pool) == 1;
    if (daemon->autostart(pool, 1) < 0)
        return fail_said(daemon, "autostart", name, error);
    return *ret_was || daemon->create(pool, 0) == 0 || fail_said(daemon, "start", name, error);
}

bool
rl_define_pool(const char *name, const char *xml, bool *ret_was, GError **error)
{
    g_auto(Daemon) daemon = {0};

    if (!connect_to(&daemon, error))
        return false;
    virStoragePoolPtr before = daemon.lookup(daemon.connection, name);
    virStoragePoolPtr pool = daemon.define(daemon.connection, xml, 0);
    bool done = pool ? require_ours(&daemon, pool, name, !before, error) &&
                           start(&daemon, pool, name, ret_was, error)
                     : fail_said(&daemon, "define", name, error);
    if (before)
        daemon.free(before);
    if (pool)
        daemon.free(pool);
    return done;
}
