/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the daemon finds when it starts. libvirt ends each running domain whose disk it does not
 * find in an active pool then. So a pool that was active stays that, whatever is wrong with it: its
 * volumes are listed, and nothing is changed in it. After a boot of the host no domain runs
 * (libvirt's note of its active pools is in /run): then it is one that is not started. */
#include "module.h"

#include "virerror.h"
#include "virlog.h"

#include "active-pools.h"
#include "common/base/error.h"
#include "common/fs/xattr.h"
#include "common/operation/pool-build.h"
#include "common/pool/pool-mark.h"
#include "common/pool/scan.h"
#include "namespace.h"
#include "other-pools.h"
#include "xml/documents.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

VIR_LOG_INIT("reflink.boot");

/* A pool may have been edited while it was active before. What cannot be written costs no more than
 * that the old options stay in force. */
static void
take_options(const virStoragePoolDef *def, RlPool *pool)
{
    const RlOptions *options = rl_namespace_options(def);
    g_autoptr(GError) error = NULL;

    if (!rl_pool_take_options(pool, options, &error))
        VIR_WARN("pool '%s': its options are not in force: %s", def->name, error->message);
}

void
rl_pool_look_at_mark(const virStoragePoolDef *def, const RlPool *pool)
{
    g_autoptr(GError) error = NULL;

    if (!rl_pool_mark_require(pool, &error))
        VIR_WARN("pool '%s': %s", def->name, error->message);
}

/* A directory that has no marker, nor volumes, is not built, or its file system is not mounted. */
static bool
has_volumes(const RlPool *pool)
{
    g_autoptr(GPtrArray) listed = rl_scan(pool, NULL);

    return listed && listed->len > 0;
}

/* Is the reflink pool active, which was so before or was not? */
static bool
is_active(const virStoragePoolDef *def, bool before)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open_to_look(def->target.path, rl_xml_documents(), &error);

    if (pool && rl_pool_is_fit(def, pool, &error) &&
        rl_active_pools_add(def, pool, before, &error)) {
        take_options(def, pool);
        rl_pool_look_at_mark(def, pool);
        return true;
    }
    if (before && pool && g_error_matches(error, RL_ERROR, RL_ERROR_NOT_BUILT))
        before = has_volumes(pool);
    /* Without its marker nothing else would tell later that it is one. */
    if (before && pool)
        rl_active_pools_add(def, pool, false, NULL);
    VIR_WARN("pool '%s': %s (%s)", def->name, error->message,
             before ? "it stays active, since domains may be running on it" : "it is not active");
    return before;
}

bool
rl_stock_stays_active(const virStoragePoolDef *def, bool before)
{
    g_autoptr(GError) error = NULL;

    if (rl_pool_require_outside(def->target.path, &error))
        return true;
    VIR_WARN("pool '%s': %s (%s)", def->name, error->message,
             before ? "it stays active, since domains may be running on it" : "it is not active");
    return before;
}

/* The pool was active, and is one by its marker alone, which is gone. */
static bool
has_lost_marker(const virStoragePoolDef *def)
{
    g_autoptr(RlPool) pool = rl_pool_open_to_look(def->target.path, rl_xml_documents(), NULL);
    g_autofree char *mark = NULL;

    return pool && rl_xattr_get(pool->root, RL_ATTR_POOL, &mark, NULL) && mark;
}

int
rl_pool_check_cb(virStoragePoolObj *obj, bool *active)
{
    const virStoragePoolDef *def = virStoragePoolObjGetDef(obj);
    bool before = virStoragePoolObjIsActive(obj);
    int ours = rl_is_reflink_to_look(obj);

    rl_other_pools_wrap();
    if (ours == 0 && before && has_lost_marker(def))
        ours = 1;
    if (ours < 0 || rl_stock()->checkPool(obj, active) < 0)
        return -1;
    if (*active)
        *active = ours ? is_active(def, before) : rl_stock_stays_active(def, before);
    return 0;
}
