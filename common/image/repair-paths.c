/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "repair-paths.h"

#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/volume-name.h"
#include "common/fs/dir-iter.h"
#include "common/pool/scan.h"
#include "common/pool/volume-state.h"
#include "short-path.h"
#include "volume-path.h"

static RlLock *
try_lock(const RlPool *pool, const char *name)
{
    return rl_lock_take(pool->dev, pool->ino, name, "repair a link", 0, NULL);
}

void
rl_paths_repair_volume(const RlPool *pool, const char *name)
{
    g_autoptr(RlLock) lock = try_lock(pool, name);

    if (lock)
        rl_volume_path_settle_anew(pool, name);
}

/* Whoever turns a link has the lock. */
static void
remove_temporary(const RlPool *pool, const char *inside, const char *leaf)
{
    g_autoptr(RlLock) lock = try_lock(pool, leaf);

    if (lock)
        rl_path_link_remove(pool, inside, leaf, NULL);
}

/* The volume that the entry @inside, a link, is one of, owned by the caller; or NULL. */
static char *
volume_of(const RlPool *pool, const char *inside, RlLink *ret_link)
{
    g_autofree char *name = rl_short_path_strip(inside);
    g_autoptr(RlName) parts = rl_name_parse_volume(name, NULL);

    if (!parts || strcmp(parts->dir, RL_NAME_FOLDER) != 0)
        return NULL;
    *ret_link = rl_path_link_look(pool, inside, parts->leaf);
    return *ret_link == RL_LINK_CLEAN || *ret_link == RL_LINK_DIRTY ? g_steal_pointer(&name) : NULL;
}

static bool
may_be_link(const RlDirIter *entries)
{
    return entries->type == DT_LNK || entries->type == DT_UNKNOWN;
}

/* What leads to no image, or is a temporary. */
static void
repair_directory(const RlPool *pool)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(pool->root, NULL);
    const char *inside;

    while (entries && (inside = rl_dir_iter_next(entries))) {
        g_autofree char *leaf = NULL;
        RlLink link;
        if (!may_be_link(entries))
            continue;
        if (rl_path_link_is_temporary(pool, inside, &leaf)) {
            remove_temporary(pool, inside, leaf);
            continue;
        }
        g_autofree char *name = volume_of(pool, inside, &link);
        if (name && faccessat(pool->root, inside, F_OK, 0) < 0)
            rl_paths_repair_volume(pool, name);
    }
}

static bool
is_settled(const RlPool *pool, const RlListed *listed)
{
    RlName name = {.dir = listed->dir, .leaf = listed->leaf};
    const RlVolume volume = {
        .pool = pool, .name = &name, .clean = listed->clean, .dirty = listed->dirty};

    return rl_volume_path_is_settled(&volume);
}

void
rl_paths_repair(const RlPool *pool, const GPtrArray *listed)
{
    if (!pool->options->path_links)
        return;
    repair_directory(pool);
    for (guint i = 0; i < listed->len; i++) {
        const RlListed *volume = g_ptr_array_index(listed, i);
        if (!is_settled(pool, volume))
            rl_paths_repair_volume(pool, volume->name);
    }
}

bool
rl_paths_require_no_base(const RlPool *pool, GError **error)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(pool->root, error);
    const char *inside;

    while (entries && (inside = rl_dir_iter_next(entries))) {
        RlLink link;
        g_autofree char *name = may_be_link(entries) ? volume_of(pool, inside, &link) : NULL;
        g_autoptr(RlVolume) volume = name ? rl_volume_open(pool, name, error) : NULL;
        if (name && (!volume || !rl_state_require_no_base(volume, "given another path", error)))
            return false;
    }
    return entries && rl_dir_iter_are_all(entries, error);
}

void
rl_paths_drop(const RlPool *pool)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(pool->root, NULL);
    const char *inside;

    while (entries && (inside = rl_dir_iter_next(entries))) {
        RlLink link;
        g_autofree char *name = may_be_link(entries) ? volume_of(pool, inside, &link) : NULL;
        g_autoptr(RlLock) lock = name && link == RL_LINK_CLEAN ? try_lock(pool, name) : NULL;
        if (lock)
            rl_path_link_remove(pool, inside, name, NULL);
    }
}
