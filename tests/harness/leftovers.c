/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model.h"

#include "common/base/autofd.h"
#include "common/format/file-name.h"
#include "common/fs/dir-iter.h"
#include "common/image/dirty-image.h"
#include "common/image/partial-image.h"
#include "common/image/repair-paths.h"
#include "common/image/volume-path.h"
#include "common/operation/precache.h"
#include "common/pool/scan.h"
#include "common/pool/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

static bool
precache_is_used(const RlVolume *volume)
{
    rl_autofd int fd = -1;

    if (volume->dirty.there || !rl_volume_exists(volume) ||
        (volume->kind != RL_KIND_PERSISTENT && volume->kind != RL_KIND_SNAPSHOT))
        return false;
    g_autoptr(RlBase) base = rl_base_open(volume, NULL);
    return base && rl_precache_is_valid(volume, base, &fd);
}

/* Says in *@ret_used whether the file @file in @dir is a part of a volume as that is now. */
static bool
look_at_file(const RlPool *pool, const char *dir, const char *file, bool *ret_used, GError **error)
{
    RlFileName name = rl_file_name_parse(file);
    g_autofree char *volume_name = name.role == RL_FILE_OTHER ? NULL : rl_name_join(dir, name.leaf);
    g_autoptr(RlVolume) volume = volume_name ? rl_volume_open(pool, volume_name, error) : NULL;

    if (name.role == RL_FILE_OTHER)
        return rl_fail(error, RL_ERROR_INVALID, "'%s/%s' is nothing of ours", dir, file);
    if (!volume)
        return false;
    switch (name.role) {
    case RL_FILE_CLEAN:
    case RL_FILE_DIRTY:
    case RL_FILE_LABEL:
        *ret_used = true;
        return true;
    case RL_FILE_RECORD:
    case RL_FILE_REVISION:
        *ret_used = rl_volume_exists(volume);
        return true;
    case RL_FILE_PRECACHE:
        *ret_used = precache_is_used(volume);
        return true;
    case RL_FILE_TEMP:
        *ret_used = rl_partial_is_kept(volume->dir, file);
        return true;
    default:
        *ret_used = false;
        return true;
    }
}

static bool
look_at_root(const char *file, bool *ret_used, GError **error)
{
    *ret_used = strcmp(file, RL_POOL_MARKER) == 0 || strcmp(file, RL_MODEL_PLAIN) == 0;
    if (*ret_used || (g_str_has_prefix(file, RL_POOL_MARKER "~") &&
                      strlen(file) == strlen(RL_POOL_MARKER "~") + 6))
        return true;
    return rl_fail(error, RL_ERROR_INVALID, "'%s' lies in the pool's root", file);
}

/* A volume's short path; used while it leads to something. */
static bool
look_at_link(const RlPool *pool, const char *file, bool *ret_used, GError **error)
{
    char target[PATH_MAX] = "";
    struct stat st;

    if (readlinkat(pool->root, file, target, sizeof(target) - 1) < 0)
        return rl_fail_errno(error, errno, "cannot read the link '%s'", file);
    g_autofree char *dir = g_path_get_dirname(target), *base = g_path_get_basename(target);
    RlFileRole role = rl_file_name_parse(base).role;
    bool may = role == RL_FILE_DIRTY || (role == RL_FILE_CLEAN && pool->options->path_links);
    if (strcmp(dir, RL_NAME_FOLDER) != 0 || !may)
        return rl_fail(error, RL_ERROR_INVALID, "'%s' is a link to '%s'", file, target);
    *ret_used = fstatat(pool->root, target, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                rl_file_name_parse(file).role != RL_FILE_TEMP;
    return true;
}

/* @dir is the path of @fd below the pool, "" for its root. */
static bool
collect(const RlPool *pool, int fd, const char *dir, GPtrArray *found, GError **error)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(fd, error);
    bool empty = true, used = false;
    const char *entry;
    struct stat st;

    while (entries && (entry = rl_dir_iter_next(entries))) {
        g_autofree char *path = *dir ? g_strconcat(dir, "/", entry, NULL) : g_strdup(entry);
        empty = false;
        if (fstatat(fd, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return rl_fail_errno(error, errno, "cannot look at '%s'", path);
        if (S_ISDIR(st.st_mode)) {
            rl_autofd int child = openat(fd, entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (child < 0)
                return rl_fail_errno(error, errno, "cannot open '%s'", path);
            if (!collect(pool, child, path, found, error))
                return false;
            continue;
        }
        bool is_link = S_ISLNK(st.st_mode) && !*dir;
        if (!S_ISREG(st.st_mode) && !is_link)
            return rl_fail(error, RL_ERROR_INVALID, "'%s' is no regular file", path);
        if (!(is_link ? look_at_link(pool, entry, &used, error)
              : *dir  ? look_at_file(pool, dir, entry, &used, error)
                      : look_at_root(entry, &used, error)))
            return false;
        if (!used)
            g_ptr_array_add(found, g_steal_pointer(&path));
    }
    if (entries && empty && strchr(dir, '/'))
        g_ptr_array_add(found, g_strconcat(dir, "/", NULL));
    return entries != NULL;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

GPtrArray *
rl_model_leftovers(const RlPool *pool, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);

    if (!collect(pool, pool->root, "", found, error))
        return NULL;
    g_ptr_array_sort(found, compare);
    return g_steal_pointer(&found);
}

bool
rl_model_repair_paths(const RlPool *pool, GError **error)
{
    g_autoptr(GPtrArray) listed = rl_scan(pool, error);

    if (!listed)
        return false;
    rl_paths_repair(pool, listed);
    for (guint i = 0; i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        g_autoptr(RlVolume) volume = rl_volume_open(pool, one->name, error);
        if (!volume)
            return false;
        if (!rl_volume_path_is_settled(volume))
            return rl_fail(error, RL_ERROR_INVALID, "the path of '%s' was not repaired", one->name);
    }
    return true;
}
