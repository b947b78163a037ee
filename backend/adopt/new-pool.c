/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "new-pool.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backend/cli/known-pools.h"
#include "backend/cli/pool-place.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/inode.h"
#include "common/operation/adopt-plan.h"
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
        *ret_problem = "--name and --define both name the pool: give one of them";
    else if (name && (!*name || strpbrk(name, "/\n") || name[0] == '.'))
        *ret_problem =
            "libvirt accepts no pool name that is empty, begins with '.' or contains '/'";
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

/* The volume in the directory @path that has more automatic revisions than all others, owned by the
 * caller, and how many those are. */
static bool
find_longest_history(const char *path, char **ret_volume, guint *ret_count, GError **error)
{
    g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
    rl_autofd int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *ret_volume = NULL;
    *ret_count = 0;
    if (root < 0) /* it is to be made yet, or what makes it will say more */
        return true;
    g_autoptr(GPtrArray) files = rl_adopt_plan(root, NULL, error);
    for (guint i = 0; files && i < files->len; i++) {
        const RlAdoptFile *file = g_ptr_array_index(files, i);
        if (file->what != RL_ADOPT_KEPT || file->role != RL_FILE_REVISION)
            continue;
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, file->volume)) + 1;
        g_hash_table_insert(counts, file->volume, GUINT_TO_POINTER(count));
        if (count <= *ret_count)
            continue;
        *ret_count = count;
        g_free(*ret_volume);
        *ret_volume = g_strdup(file->volume);
    }
    return files;
}

/* A person who did not say how many are kept does not expect that the next commits remove those of
 * a copy of a pool, or of Qubes OS's driver. */
static bool
require_kept(const char *path, const RlOptions *options, GError **error)
{
    g_autofree char *volume = NULL;
    guint count;

    if (!find_longest_history(path, &volume, &count, error))
        return false;
    return (guint) options->keep.newest >= count ||
           rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' in '%s' has %u automatic revisions, and the pool would keep %d: "
                   "the next commits would remove the others. Type '--keep %u' to keep as many, or "
                   "'--keep %d'",
                   volume, path, count, options->keep.newest, count, options->keep.newest);
}

static bool
are_other(const RlPoolDefinition *definition, const RlOptions *options)
{
    return definition && definition->options && !rl_options_equal(definition->options, options);
}

/* What a person has edited in the definition, and is not in force yet, is not to be lost. */
static bool
require_in_force(const RlKnownPool *pool, const RlOptions *before, const RlOptions *after,
                 GError **error)
{
    if (!are_other(pool->definition, after) || (before && !are_other(pool->definition, before)))
        return true;
    return rl_fail(error, RL_ERROR_STATE,
                   "libvirt's definition of pool '%s' has options that are not in force yet. Put "
                   "them in force first ('virsh pool-destroy %s', 'virsh %s %s')",
                   pool->name, pool->name, before ? "pool-start" : "pool-build", pool->name);
}

/* libvirt's daemon puts the options that it has of a pool in force whenever it starts the pool, or
 * is started: those of the marker alone would hold until then. Of an active pool it has those that
 * the pool was started with. */
static bool
require_definition(const RlNewPool *new, const char *path, const RlOptions *before,
                   const RlOptions *after, GError **error)
{
    g_autoptr(GPtrArray) pools = rl_known_pools_read();
    bool same = before && rl_options_equal(before, after);
    struct stat root, there;

    for (guint i = 0; i < pools->len && stat(path, &root) == 0; i++) {
        const RlKnownPool *pool = g_ptr_array_index(pools, i);
        if (!pool->path || stat(pool->path, &there) < 0 || !rl_stat_same(&there, &root))
            continue;
        if (g_strcmp0(pool->name, new->define) == 0) {
            if (!require_in_force(pool, before, after, error))
                return false;
        } else if (!same && (are_other(pool->definition, after) || are_other(pool->state, after))) {
            return rl_fail(error, RL_ERROR_STATE,
                           "libvirt has pool '%s' with other options, and its daemon would put "
                           "these in force again, for example when it is restarted. To change its "
                           "definition as well, type '--define %s'",
                           pool->name, pool->name);
        }
    }
    return true;
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
    if (!require_definition(new, path, before ? before->options : NULL, options, error) ||
        (!before && new->keep < 0 && !require_kept(path, options, error)))
        return NULL;
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
