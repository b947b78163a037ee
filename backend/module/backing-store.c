/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backing-store.h"

#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/image/short-path.h"
#include "common/pool/volume.h"

/* The volume whose dirty or clean image has the path @path, or whose short path that is; owned by
 * the caller. NULL for none, with @error where that cannot be told. */
static char *
volume_of_path(const RlPool *pool, const char *path, GError **error)
{
    g_autofree char *root = NULL, *inside = NULL;
    struct stat st;

    if (!rl_pool_find(path, &root, &inside, error) || !root)
        return NULL;
    /* The pool may have several paths. */
    if (stat(root, &st) < 0 || st.st_dev != pool->dev || st.st_ino != pool->ino)
        return NULL;
    if (!strchr(inside, '/'))
        return rl_short_path_volume(pool, inside);

    g_autofree char *dir = g_path_get_dirname(inside);
    g_autofree char *file = g_path_get_basename(inside);
    RlFileName name = rl_file_name_parse(file);
    if (name.role != RL_FILE_DIRTY && name.role != RL_FILE_CLEAN)
        return NULL;
    return rl_name_join(dir, name.leaf);
}

RlRecord *
rl_backing_store_record(const RlPool *pool, const virStorageVolDef *vol, GError **error)
{
    const virStorageSource *backing = vol->target.backingStore;
    g_autoptr(GError) cause = NULL;
    g_autofree char *source_name = volume_of_path(pool, backing->path, &cause);
    g_autoptr(RlVolume) source = NULL;

    if (backing->format != VIR_STORAGE_FILE_RAW && backing->format != VIR_STORAGE_FILE_NONE) {
        rl_fail(error, RL_ERROR_INVALID,
                "volume '%s': the format of its backing store must be 'raw'", vol->name);
        return NULL;
    }
    if (cause) {
        g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                   "volume '%s', backing store: ", vol->name);
        return NULL;
    }
    if (!source_name) {
        rl_fail(error, RL_ERROR_INVALID,
                "volume '%s': its backing store '%s' is not the path of a volume in pool '%s'",
                vol->name, backing->path, pool->path);
        return NULL;
    }
    source = rl_volume_find(pool, source_name, error);
    if (!source) {
        g_prefix_error(error, "volume '%s', backing store: ", vol->name);
        return NULL;
    }
    if (source->kind != RL_KIND_PERSISTENT && source->kind != RL_KIND_DIRECT) {
        rl_fail(error, RL_ERROR_INVALID,
                "volume '%s': its backing store '%s' is %s, but must be a persistent or direct "
                "volume",
                vol->name, source_name, rl_kind_to_string(source->kind));
        return NULL;
    }
    if (vol->target.capacity && vol->target.capacity < (uint64_t) source->clean.st.st_size) {
        rl_fail(error, RL_ERROR_INVALID,
                "volume '%s': its capacity of %llu bytes is smaller than that of its backing store "
                "'%s', %lld bytes",
                vol->name, vol->target.capacity, source_name, (long long) source->clean.st.st_size);
        return NULL;
    }
    return rl_record_new(RL_KIND_SNAPSHOT, source_name, vol->target.capacity);
}
