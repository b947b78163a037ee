/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done with existing volumes. */
#include "module.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "virerror.h"
#include "virlog.h"

#include "background.h"
#include "clone-source.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/fs/dirfd.h"
#include "common/image/repair-paths.h"
#include "common/image/volume-path.h"
#include "common/operation/delete.h"
#include "common/operation/resize.h"
#include "guest.h"
#include "pending-volume.h"
#include "revision-cache.h"
#include "volume-def.h"
#include "volume-list.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

VIR_LOG_INIT("reflink.volume");

static void
describe_image(virStorageVolDef *vol, const RlVolume *volume, const char *file,
               const struct stat *st)
{
    RlAccess access;

    rl_access_of(volume->dir, file, st, &access);
    rl_volume_def_stat(vol, st);
    rl_volume_def_access(vol, &access);
}

/* Describes the revision @vol if its file is where libvirt knows it: then no directory has to be
 * looked through. */
static bool
describe_file(virStorageVolDef *vol, const RlName *name, const RlVolume *volume)
{
    g_autofree char *file = g_path_get_basename(vol->target.path);
    RlFileName parsed = rl_file_name_parse(file);
    RlFileRole wanted = name->form == RL_NAME_LABEL ? RL_FILE_LABEL : RL_FILE_REVISION;
    struct stat st;

    if (volume->dir < 0 || parsed.role != wanted || strcmp(parsed.leaf, name->leaf) != 0 ||
        (wanted == RL_FILE_LABEL ? g_strcmp0(parsed.label, name->label) != 0
                                 : parsed.number != name->number))
        return false;
    if (fstatat(volume->dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return false;
    describe_image(vol, volume, file, &st);
    return true;
}

/* Describes @vol, a volume or revision of @pool, as it is on disk. @volume is the volume, or the
 * one that the revision is of. */
static bool
describe(virStorageVolDef *vol, const RlName *name, const RlVolume *volume, GError **error)
{
    if (name->form == RL_NAME_HEAD) {
        if (!rl_volume_exists(volume))
            return rl_fail(error, RL_ERROR_NOT_FOUND, "volume '%s' does not exist any more",
                           name->text);
        rl_volume_def_volume(vol, volume);
        return true;
    }

    if (describe_file(vol, name, volume))
        return true;
    g_autoptr(GPtrArray) revisions =
        volume->dir >= 0 ? rl_revisions_list(volume->dir, name->leaf, error) : rl_revisions_new();
    const RlRevision *revision;
    if (!revisions || !rl_revisions_find_named(revisions, name, &revision, error))
        return false;
    if (!revision)
        return rl_fail(error, RL_ERROR_NOT_FOUND, "revision '%s' does not exist any more",
                       name->text);
    describe_image(vol, volume, revision->file, &revision->st);
    return true;
}

/* The same by nothing but its dirty image, where @cause kept the volume from being looked at: a
 * domain may run on that, and libvirt would end it when its daemon starts the next time. */
static bool
describe_dirty(virStorageVolDef *vol, const RlName *name, const RlPool *pool, const GError *cause)
{
    g_autofree char *file = rl_file_name(name->leaf, RL_FILE_DIRTY);
    rl_autofd int dir =
        name->form == RL_NAME_HEAD ? rl_dirfd_open(pool->root, name->dir, NULL) : -1;
    struct stat st;

    if (dir < 0 || fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return false;
    VIR_WARN("%s", cause->message);
    rl_volume_def_stat(vol, &st);
    return true;
}

/* Of a volume that is being built only numbers may be touched: the build works on a copy that
 * shares all else. */
static int
refresh_building(virStorageVolDef *vol)
{
    struct stat st;

    if (rl_pending_volume_stat(vol, &st))
        vol->target.allocation = (unsigned long long) st.st_blocks * 512;
    return 0;
}

static int
refresh_ours(virStoragePoolObj *obj, virStorageVolDef *vol, const RlPool *pool, bool listed)
{
    GError *error = NULL;
    g_autoptr(RlName) name = rl_name_parse(vol->name, &error);
    g_autoptr(RlVolume) volume = name ? rl_volume_open(pool, name->volume, &error) : NULL;
    bool just_built = rl_pending_volume_forget(vol);

    if ((!volume || !describe(vol, name, volume, &error)) &&
        !(name && listed && describe_dirty(vol, name, pool, error))) {
        if (!just_built)
            return rl_report(error);
        /* libvirt would delete what it cannot refresh, and there is nothing wrong with it. */
        g_error_free(error);
        return 0;
    }
    g_clear_error(&error);
    if (!listed)
        return 0;
    /* libvirt itself has just listed this one. */
    if (just_built && name->form != RL_NAME_HEAD)
        rl_revision_cache_note(pool->path, name->volume, NULL);
    /* The cheap way to make what the daemon knows true: whoever asks for the volume gets its
     * revisions listed. */
    if (volume && name->form == RL_NAME_HEAD)
        rl_volume_list_update_revisions(obj, volume);
    if (volume && !pool->fault && !rl_volume_path_is_settled(volume))
        rl_paths_repair_volume(pool, name->volume);
    if (volume && !pool->fault)
        rl_background_keep_edit(pool, volume);
    rl_volume_list_update_space(obj, pool, just_built ? vol->target.allocation : 0);
    return 0;
}

int
rl_vol_refresh_source(virStorageVolDef *vol, const RlPool *pool)
{
    return refresh_ours(NULL, vol, pool, false);
}

/* libvirt also calls the destination's function with the source of a clone, which may be another
 * pool's. */
int
rl_vol_refresh_cb(virStoragePoolObj *obj, virStorageVolDef *vol)
{
    bool listed = virStorageVolDefFindByName(obj, vol->name) == vol;
    g_autoptr(RlPool) pool = NULL;
    GError *error = NULL;
    int ours;

    if (vol->building)
        return rl_pending_volume_is_pending(vol) ? refresh_building(vol)
                                                 : rl_stock()->refreshVol(obj, vol);
    if (!listed && !rl_clone_source_pool(vol, &pool, &error))
        return rl_report(error);
    ours = listed ? rl_is_reflink_to_look(obj) : pool != NULL;
    if (ours <= 0)
        return ours < 0 ? -1 : rl_stock()->refreshVol(obj, vol);
    if (listed)
        pool = rl_open_pool_to_look(obj);
    return pool ? refresh_ours(obj, vol, pool, listed) : -1;
}

/* For what takes long: others may use the pool meanwhile, but not this volume. */
static void
unlock_pool(virStoragePoolObj *obj, virStorageVolDef *vol)
{
    virStoragePoolObjIncrAsyncjobs(obj);
    vol->in_use++;
    virObjectUnlock(obj);
}

static void
lock_pool(virStoragePoolObj *obj, virStorageVolDef *vol)
{
    virObjectLock(obj);
    vol->in_use--;
    virStoragePoolObjDecrAsyncjobs(obj);
}

/* libvirt is about to free @vol. While the pool was unlocked a download or a clone of it may have
 * begun, which ask for less than a deletion does, and have the definition in their hands still. */
static void
lock_pool_alone(virStoragePoolObj *obj, virStorageVolDef *vol)
{
    unsigned int pause_ms = 1;

    virObjectLock(obj);
    while (vol->in_use > 1) {
        virObjectUnlock(obj);
        g_usleep(pause_ms * 1000);
        pause_ms = MIN(2 * pause_ms, 100);
        virObjectLock(obj);
    }
    vol->in_use--;
    virStoragePoolObjDecrAsyncjobs(obj);
}

static bool
delete_name(const RlPool *pool, const char *text, guint flags, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse(text, error);

    if (!name)
        return false;
    return name->form == RL_NAME_HEAD ? rl_volume_delete(pool, name->volume, flags, error)
                                      : rl_revision_delete(pool, name, error);
}

int
rl_vol_delete_cb(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int flags)
{
    g_autoptr(RlPool) pool = NULL;
    GError *error = NULL;

    /* After a build that failed: what there was of it went with its draft. */
    if (rl_pending_volume_is_pending(vol))
        return 0;
    int ours = rl_is_reflink(obj);
    if (ours <= 0)
        return ours < 0 ? -1 : rl_stock()->deleteVol(obj, vol, flags);
    virCheckFlags(VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS, -1);
    if (rl_volume_list_has_busy_revisions(obj, vol->name)) {
        virReportError(VIR_ERR_OPERATION_INVALID,
                       "volume '%s' cannot be deleted: another client is using one of its "
                       "revisions. Try again",
                       vol->name);
        return -1;
    }

    pool = rl_open_pool(obj);
    if (!pool)
        return -1;
    unlock_pool(obj, vol);
    bool named = flags & VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS;
    bool done = delete_name(pool, vol->name, named ? RL_DELETE_NAMED : 0, &error);
    lock_pool_alone(obj, vol);
    /* Gone is what it was to be. */
    if (!done && !g_error_matches(error, RL_ERROR, RL_ERROR_NOT_FOUND))
        return rl_report_about(error, vol->name);
    g_clear_error(&error);
    rl_volume_list_drop_revisions(obj, pool, vol->name);
    rl_volume_list_update_space(obj, pool, -vol->target.allocation);
    rl_background_end(pool); /* there may be space now */
    return 0;
}

int
rl_vol_resize_cb(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned long long capacity,
                 unsigned int flags)
{
    bool allocate = flags & VIR_STORAGE_VOL_RESIZE_ALLOCATE;
    g_autoptr(RlPool) pool = NULL;
    GError *error = NULL;

    int ours = rl_is_reflink(obj);
    if (ours <= 0)
        return ours < 0 ? -1 : rl_stock()->resizeVol(obj, vol, capacity, flags);
    virCheckFlags(VIR_STORAGE_VOL_RESIZE_ALLOCATE | VIR_STORAGE_VOL_RESIZE_SHRINK, -1);
    if (strchr(vol->name, '@')) {
        virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       "'%s' is a revision, and revisions are read-only. Clone it to a new volume",
                       vol->name);
        return -1;
    }

    pool = rl_open_pool(obj);
    if (!pool)
        return -1;
    unlock_pool(obj, vol);
    bool done = rl_volume_resize(pool, vol->name, capacity, allocate, &error);
    lock_pool(obj, vol);
    if (!done)
        return rl_report_about(error, vol->name);
    rl_volume_list_update_space(obj, pool, allocate ? capacity - vol->target.allocation : 0);
    rl_guest_note_size(pool, vol->name, vol->target.path);
    rl_background_maintain(pool, vol->name);
    return 0;
}

int
rl_vol_wipe_cb(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int algorithm,
               unsigned int flags)
{
    int ours = rl_is_reflink(obj);
    if (ours <= 0)
        return ours < 0 ? -1 : rl_stock()->wipeVol(obj, vol, algorithm, flags);
    virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                   "volume '%s' cannot be wiped: it shares blocks with other images of the pool, "
                   "and overwriting would only allocate new ones",
                   vol->name);
    return -1;
}
