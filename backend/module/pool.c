/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool functions of the vtable. */
#include "module.h"

#include "virerror.h"
#include "virlog.h"

#include "active-pools.h"
#include "common/base/error.h"
#include "common/fs/shared-fs.h"
#include "common/image/repair-paths.h"
#include "common/operation/pool-build.h"
#include "namespace.h"
#include "other-pools.h"
#include "volume-list.h"
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
    g_autoptr(RlPool) pool = rl_pool_open(def->target.path, rl_xml_documents(), &error);

    if (pool && rl_active_pools_check(def, pool, &error))
        return g_steal_pointer(&pool);
    rl_report(error);
    return NULL;
}

RlPool *
rl_open_pool_to_look(virStoragePoolObj *obj)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    GError *error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open_to_look(def->target.path, rl_xml_documents(), &error);

    if (pool && rl_active_pools_check_place(def, pool, &error))
        return g_steal_pointer(&pool);
    rl_report(error);
    return NULL;
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
    int ours = rl_is_reflink_to_look(obj);

    return ours ? ours : require_outside(virStoragePoolObjGetDef(obj));
}

int
rl_is_reflink_to_look(virStoragePoolObj *obj)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);

    return rl_namespace_options(def) || rl_active_pools_has(def) ? 1 : has_marker(def);
}

bool
rl_pool_is_fit(const virStoragePoolDef *def, const RlPool *pool, GError **error)
{
    return rl_pool_require_sound(pool, error) && rl_pool_require_outside(def->target.path, error) &&
           rl_shared_fs_require_none(pool->root, pool->path, error);
}

static int
require_cow(const virStoragePoolDef *def)
{
    if (def->features.cow != VIR_TRISTATE_BOOL_NO)
        return 0;
    virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "pool '%s': <cow state='no'/> is not possible with reflinks. Leave it out",
                   def->name);
    return -1;
}

bool
rl_pool_take_options(RlPool *pool, const RlOptions *options, GError **error)
{
    bool had_links = pool->options->path_links;

    if (!options || rl_options_equal(options, pool->options))
        return true;
    bool drops_links = had_links && !options->path_links;
    /* What an overlay lies on is looked for, and found, as long as the volume's path is a link. */
    if ((drops_links && !rl_paths_require_no_base(pool, error)) ||
        !rl_pool_set_options(pool, options, error))
        return false;
    if (drops_links)
        rl_paths_drop(pool);
    return true;
}

static int
report_about_pool(GError *error, const virStoragePoolDef *def)
{
    rl_error_about(&error, "pool", def->name);
    return rl_report(error);
}

int
rl_pool_start_cb(virStoragePoolObj *obj)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    const RlOptions *options = rl_namespace_options(def);
    int ours = rl_is_reflink(obj);
    GError *error = NULL;

    rl_other_pools_wrap();
    if (ours < 0)
        return -1;
    if (!ours)
        return rl_stock()->startPool ? rl_stock()->startPool(obj) : 0;
    if (require_cow(def) < 0)
        return -1;

    g_autoptr(RlPool) pool = rl_open_pool(obj);
    if (!pool)
        return -1;
    if (!rl_pool_is_fit(def, pool, &error) || !rl_active_pools_add(def, pool, true, &error))
        return report_about_pool(error, def);
    if (!rl_pool_take_options(pool, options, &error)) {
        rl_active_pools_remove(def);
        return report_about_pool(error, def);
    }
    rl_pool_look_at_mark(def, pool);
    return 0;
}

int
rl_pool_stop_cb(virStoragePoolObj *obj)
{
    rl_active_pools_remove(virStoragePoolObjGetDef(obj));
    return rl_stock()->stopPool ? rl_stock()->stopPool(obj) : 0;
}

/* What is not there yet is no other pool's. */
static bool
is_no_rivals(const virStoragePoolDef *def, GError **error)
{
    g_autoptr(RlPool) pool = rl_pool_open_to_look(def->target.path, rl_xml_documents(), NULL);

    return !pool || rl_active_pools_check(def, pool, error);
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
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       "pool '%s': a reflink pool is a directory, and is neither formatted nor "
                       "overwritten. Leave out the option",
                       def->name);
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
    if (!is_no_rivals(def, &error) ||
        !rl_pool_build(def->target.path, options, &access, rl_xml_documents(), &error)) {
        rl_error_about(&error, "pool", def->target.path);
        return rl_report(error);
    }
    return 0;
}

/* Another active pool may have it, since two could before this was looked at, or since the path was
 * changed: then nothing is changed through this one. */
static void
note_active(const virStoragePoolDef *def, const RlPool *pool)
{
    g_autoptr(GError) error = NULL;

    if (!rl_active_pools_add(def, pool, false, &error))
        VIR_WARN("%s (its volumes are listed; changes are refused)", error->message);
}

/* A pool with a fault is listed as well, and so is one whose directory is another's: were it to
 * fail, it would not be active any more, and the next start of the daemon would end its domains. */
int
rl_pool_refresh_cb(virStoragePoolObj *obj)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    int ours = rl_is_reflink_to_look(obj);
    GError *error = NULL;

    if (ours <= 0)
        return ours < 0 ? -1 : rl_stock()->refreshPool(obj);
    g_autoptr(RlPool) pool = rl_pool_open_to_look(def->target.path, rl_xml_documents(), &error);
    if (!pool)
        return rl_report(error);
    if (pool->fault)
        VIR_WARN("pool '%s': %s (its volumes are listed; changes are refused)", def->name,
                 pool->fault->message);
    else
        note_active(def, pool);
    if (rl_volume_list_fill(obj, pool) == 0)
        return 0;
    rl_active_pools_remove(def); /* it is not active any more */
    return -1;
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
