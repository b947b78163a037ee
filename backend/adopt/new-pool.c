/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "new-pool.h"

#include <stdio.h>
#include <string.h>

#include "backend/cli/pool-place.h"
#include "common/base/error.h"
#include "common/operation/pool-build.h"
#include "define-pool.h"
#include "xml/documents.h"
#include "xml/pool-definition.h"

void
rl_new_pool_clear(RlNewPool *new)
{
    g_free(new->name);
    g_free(new->define);
}

bool
rl_new_pool_is_right(const RlNewPool *new, const char **ret_problem)
{
    const char *name = new->define ? new->define : new->name;

    *ret_problem = NULL;
    if (new->keep < -1 || new->keep > RL_KEEP_MAX)
        *ret_problem = "--keep must be 0 to 100000";
    else if (new->name &&new->define)
        *ret_problem = "--name and --define both name the pool";
    else if (name && (!*name || strpbrk(name, "/\n") || name[0] == '.'))
        *ret_problem = "libvirt has no pool of such a name";
    return !*ret_problem;
}

char *
rl_new_pool_path(const char *directory, GError **error)
{
    g_autofree char *path = g_canonicalize_filename(directory, NULL);

    return rl_pool_place_require_mounted(path, path, error) ? g_steal_pointer(&path) : NULL;
}

bool
rl_new_pool_before(const char *path, RlPool **ret_pool, GError **error)
{
    RlMarker marker;

    *ret_pool = NULL;
    if (!rl_pool_look(path, &marker, error))
        return false;
    if (marker == RL_MARKER_NONE)
        return true;
    *ret_pool = rl_pool_open(path, rl_xml_documents(), error);
    return *ret_pool;
}

RlPool *
rl_new_pool_make(const RlNewPool *new, const char *path, GError **error)
{
    const RlDocuments *documents = rl_xml_documents();
    const RlAccess as_is = {(mode_t) -1, (uid_t) -1, (gid_t) -1};
    g_autoptr(RlPool) before = NULL;
    g_autofree char *uuid = NULL;

    if (!rl_new_pool_before(path, &before, error) ||
        (new->define && !rl_define_pool_find(new->define, path, &uuid, error)))
        return NULL;
    g_autoptr(RlOptions) options = before ? rl_options_copy(before->options) : rl_options_new();

    if (new->keep >= 0)
        options->keep = (RlRetention){.newest = new->keep};
    options->fallback_copy |= new->copy;
    if (rl_pool_build(path, options, &as_is, documents, error))
        return rl_pool_open(path, documents, error);
    if (error)
        rl_error_about(error, "pool", path);
    return NULL;
}

bool
rl_new_pool_tell(const RlNewPool *new, const RlPool *pool, char **ret_xml, bool *ret_restart,
                 GError **error)
{
    g_autofree char *base = g_path_get_basename(pool->path), *uuid = NULL;
    const char *name = new->define ? new->define : new->name ? new->name : base;

    *ret_restart = false;
    if (new->define && !rl_define_pool_find(name, pool->path, &uuid, error))
        return false;
    g_autofree char *xml = rl_xml_pool_definition_format(name, uuid, pool->path, pool->options);
    if (new->define && !rl_define_pool(name, xml, ret_restart, error))
        return false;
    *ret_xml = g_steal_pointer(&xml);
    return true;
}

void
rl_new_pool_say(const RlCall *call, const RlNewPool *new, const char *xml, bool restart)
{
    if (!new->define) {
        if (!call->quiet)
            printf("%s", xml);
        return;
    }
    rl_call_say(call, "Pool %s is defined in libvirt, and active.", new->define);
    if (restart)
        rl_call_say(call,
                    "It was active before: its new definition is in force after 'virsh "
                    "pool-destroy %s' and 'virsh pool-start %s'.",
                    new->define, new->define);
}
