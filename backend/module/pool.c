/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool functions of the vtable. */
#include "module.h"

#include "virerror.h"
#include "virlog.h"

#include "common/error.h"
#include "common/pool-build.h"
#include "common/shared-fs.h"
#include "listing.h"
#include "namespace.h"
#include "xml/documents.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

VIR_LOG_INIT("reflink.pool");

static int
has_marker(const virStoragePoolDef *def)
{
    GError *error = NULL;
    RlMarker marker;

    if (!rl_pool_look(def->target.path, &marker, &error))
        return rl_report(error);
    return marker != RL_MARKER_NONE;
}

RlPool *
rl_open_pool(virStoragePoolObj *obj)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    GError *error = NULL;
    RlPool *pool = rl_pool_open(def->target.path, rl_xml_documents(), &error);

    if (!pool)
        rl_report(error);
    return pool;
}

/* Pools in pools would have their images renamed under them, or written to in place. */
static int
require_outside(const virStoragePoolDef *def)
{
    GError *error = NULL;

    return rl_pool_require_outside(def->target.path, &error) ? 0 : rl_report(error);
}

/* A stock pool is looked at again each time: its path may lead elsewhere than when it was started,
 * and a reflink pool may have been built around it. */
int
rl_is_reflink(virStoragePoolObj *obj)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    int marked = rl_namespace_options(def) ? 1 : has_marker(def);

    return marked ? marked : require_outside(def);
}

static int
require_cow(const virStoragePoolDef *def)
{
    if (def->features.cow != VIR_TRISTATE_BOOL_NO)
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "pool '%s': <cow state='no'/> and reflinks exclude each other", def->name);
    return -1;
}

/* Writes what the pool's XML says into the marker, if that says something else. */
static bool
take_options(RlPool *pool, const RlOptions *options, GError **error)
{
    return !options || rl_options_equal(options, pool->options) ||
           rl_pool_set_options(pool, options, error);
}

/* A pool that the daemon found there at its start may have been edited while it was active before.
 * What cannot be written costs no more than that the old options stay in force. */
static void
take_options_at_boot(const virStoragePoolDef *def)
{
    const RlOptions *options = rl_namespace_options(def);
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool =
        options ? rl_pool_open(def->target.path, rl_xml_documents(), &error) : NULL;

    if (pool)
        take_options(pool, options, &error);
    if (error)
        VIR_WARN("pool '%s': its options are not in force: %s", def->name, error->message);
}

/* A pool that was active before the daemon was started again stays that: domains may run on it, and
 * libvirt ends those whose disks it does not find. After a boot of the host none does (libvirt's
 * note of its active pools is in /run): then it is one that is not started. */
static bool
is_on_shared_fs(const virStoragePoolDef *def)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open(def->target.path, rl_xml_documents(), NULL);

    if (!pool || rl_shared_fs_require_none(pool->root, pool->path, &error))
        return false;
    VIR_WARN("pool '%s': %s", def->name, error->message);
    return true;
}

/* At every start of the daemon libvirt takes a pool for active whose path exists, without starting
 * it. An answer of "not active" is no error: the log says why, and the pool can be started when it
 * is there again. */
int
rl_pool_check_cb(virStoragePoolObj *obj, bool *active)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    int marked = has_marker(def);

    if (marked < 0)
        return -1;
    if (rl_namespace_options(def) && !marked) {
        VIR_WARN("pool '%s': '%s' is not built, or its file system is not mounted", def->name,
                 def->target.path);
        *active = false;
        return 0;
    }
    if (require_outside(def) < 0)
        return -1;
    if (rl_stock()->checkPool(obj, active) < 0)
        return -1;
    if (*active && marked && is_on_shared_fs(def)) {
        *active = virStoragePoolObjIsActive(obj);
        return 0;
    }
    if (*active)
        take_options_at_boot(def);
    return 0;
}

int
rl_pool_start_cb(virStoragePoolObj *obj)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    const RlOptions *options = rl_namespace_options(def);
    int ours = rl_is_reflink(obj);
    GError *error = NULL;

    if (ours < 0 || require_outside(def) < 0)
        return -1;
    if (!ours)
        return rl_stock()->startPool ? rl_stock()->startPool(obj) : 0;
    if (require_cow(def) < 0)
        return -1;

    g_autoptr(RlPool) pool = rl_open_pool(obj);
    if (!pool)
        return -1;
    if (!rl_shared_fs_require_none(pool->root, pool->path, &error) ||
        !take_options(pool, options, &error)) {
        rl_error_about(&error, "pool", def->name);
        return rl_report(error);
    }
    return 0;
}

int
rl_pool_build_cb(virStoragePoolObj *obj, unsigned int flags)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    const RlOptions *options = rl_namespace_options(def);
    RlAccess access = {def->target.perms.mode, def->target.perms.uid, def->target.perms.gid};
    int ours = rl_is_reflink(obj);
    g_autoptr(RlPool) pool = NULL;
    GError *error = NULL;

    if (ours < 0)
        return -1;
    if (!ours)
        return rl_stock()->buildPool(obj, flags);
    if (flags) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED, "%s",
                       "a reflink pool is a directory: there is nothing to format or overwrite");
        return -1;
    }
    if (require_cow(def) < 0)
        return -1;
    if (!options) {
        /* The XML has lost our namespace; what the marker says goes on. */
        pool = rl_open_pool(obj);
        if (!pool)
            return -1;
        options = pool->options;
    }
    if (!rl_pool_build(def->target.path, options, &access, rl_xml_documents(), &error)) {
        rl_error_about(&error, "pool", def->target.path);
        return rl_report(error);
    }
    return 0;
}

int
rl_pool_refresh_cb(virStoragePoolObj *obj)
{
    int ours = rl_is_reflink(obj);

    if (ours <= 0)
        return ours < 0 ? -1 : rl_stock()->refreshPool(obj);
    g_autoptr(RlPool) pool = rl_open_pool(obj);
    if (!pool)
        return -1;
    return rl_listing_fill(obj, pool);
}

int
rl_pool_delete_cb(virStoragePoolObj *obj, unsigned int flags)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    int marked = has_marker(def);
    GError *error = NULL;

    if (marked <= 0)
        return marked < 0 ? -1 : rl_stock()->deletePool(obj, flags);
    virCheckFlags(0, -1);

    g_autoptr(RlPool) pool = rl_open_pool(obj);
    if (!pool)
        return -1;
    return rl_pool_delete(pool, &error) ? 0 : rl_report(error);
}
