/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "delete.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/ended-note.h"
#include "common/format/file-name.h"
#include "common/format/highest-note.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/image/new-revision.h"
#include "common/image/reader.h"
#include "common/image/short-path.h"
#include "common/image/temporary-files.h"
#include "common/image/volume-path.h"
#include "common/pool/left-name.h"
#include "common/pool/snapshot-volumes.h"
#include "common/pool/volume-state.h"
#include "common/pool/writers.h"
#include "maintenance-turn.h"

static bool
refuse_for_labels(const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    g_autoptr(GString) labels = g_string_new(NULL);

    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        if (revision->label)
            g_string_append_printf(labels, "%s%s@%s", labels->len ? ", " : "", volume->name->volume,
                                   revision->label);
    }
    if (!labels->len)
        return true;
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be deleted: it has named revisions (%s). Delete them first, "
                   "or use 'vol-delete --delete-snapshots' or 'virt-reflink delete --with-named'",
                   volume->name->volume, labels->str);
}

/* A snapshot of a snapshot there is none, and most volumes of a pool of templates are snapshots. */
static bool
refuse_for_users(const RlVolume *volume, GError **error)
{
    if (volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE)
        return true;
    return rl_snapshot_volumes_require_none(
        volume->pool, volume->name->volume, "deleted",
        "Delete what names it first, or use 'virt-reflink delete --with-users'", error);
}

/* What a process writes to has a use that we do not know of. A domain that runs on a revision is
 * ended if libvirt's daemon, when it is started again, finds that no more; one that is about to
 * open an image would get another one that has its name by then. One that is the clean image
 * itself, during a replacement, has the replacement's own opener. */
static bool
require_unused_revision(const RlVolume *volume, const RlRevision *revision, GError **error)
{
    return (rl_stat_same(&revision->st, &volume->clean.st)
                ? rl_clean_require_unwritten_at
                : rl_clean_require_unopened_at)(volume, revision->file, error) &&
           rl_reader_settle_at(volume, revision->file, error);
}

static bool
require_unused(const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    if (!rl_clean_require_unwritten_at(volume, volume->clean_file, error) ||
        !rl_reader_settle_at(volume, volume->clean_file, error))
        return false;
    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        if (!require_unused_revision(volume, revision, error))
            return false;
    }
    return true;
}

static bool
drop_revisions(const RlVolume *volume, const GPtrArray *revisions, bool named, GError **error)
{
    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        if (!revision->label == !named && !rl_file_drop(volume, revision->file, error))
            return false;
    }
    return true;
}

/* Of Qubes OS's driver. */
static bool
drop_peer_temporaries(const RlVolume *volume, GError **error)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(volume->dir, error);
    const char *file;

    while (entries && (file = rl_dir_iter_next(entries))) {
        RlFileName name = rl_file_name_parse(file);
        if (name.role == RL_FILE_PEER_TEMP && strcmp(name.leaf, volume->name->leaf) == 0 &&
            !rl_file_drop(volume, file, error))
            return false;
    }
    return entries && rl_dir_iter_are_all(entries, error);
}

/* No number is given twice. The clean image does not know that of @revision, the newest of those
 * that are to go, if it is that itself (a replacement was cut off), if it came back from a backup,
 * or if the revision did. Then the names tell, which are about to go. *@ret_changed says whether
 * that had to be noted, on the open clean image that is returned; -1 with @error. */
static int
note_number(const RlVolume *volume, const RlRevision *revision, bool *ret_changed, GError **error)
{
    rl_autofd int clean = rl_volume_open_image(volume, volume->clean_file, error);
    uint64_t highest;
    bool sure;

    *ret_changed = false;
    if (clean < 0 || !rl_highest_get(clean, &highest, &sure, error))
        return -1;
    if (sure && highest >= revision->number)
        return rl_fd_steal(&clean);
    *ret_changed = true;
    if (!(sure || rl_new_revision_highest(volume, clean, &highest, error)) ||
        !rl_highest_set(clean, MAX(highest, revision->number), error))
        return -1;
    return rl_fd_steal(&clean);
}

/* A volume of which a deletion that is cut off leaves a part goes on counting. Where there is no
 * space to note that, the deletion makes some: @if_space. */
static bool
keep_number(const RlVolume *volume, const RlRevision *revision, bool if_space, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool changed;

    if (!volume->clean.there)
        return true;
    rl_autofd int clean = note_number(volume, revision, &changed, &cause);
    if (clean < 0 && if_space && rl_ended_means_full(cause))
        return true;
    if (clean < 0)
        g_propagate_error(error, g_steal_pointer(&cause));
    if (clean < 0 || !changed)
        return clean >= 0;
    return fsync(clean) == 0 ||
           rl_fail_errno(error, errno, "volume '%s': cannot record the number of revision '%s'",
                         volume->name->volume, revision->file);
}

static bool
keep_newest_number(const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    const RlRevision *newest = rl_revisions_newest(revisions);

    return !newest || keep_number(volume, newest, true, error);
}

/* All that does not make it a volume, and durably: what is left without a volume is nothing that a
 * deletion has left. */
static bool
drop_history(const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    g_autofree char *import_file = rl_file_name(volume->name->leaf, RL_FILE_IMPORT);

    return drop_revisions(volume, revisions, true, error) &&
           drop_revisions(volume, revisions, false, error) &&
           rl_file_drop(volume, volume->precache_file, error) &&
           rl_file_drop(volume, import_file, error) && drop_peer_temporaries(volume, error) &&
           rl_volume_sync(volume, error);
}

static bool
drop_files(const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    if (!rl_left_name_note(volume, error) || !drop_history(volume, revisions, error))
        return false;
    rl_volume_path_remove(volume);
    if (rl_file_drop(volume, volume->dirty_file, error) &&
        rl_file_drop(volume, volume->clean_file, error) &&
        rl_file_drop(volume, volume->record_file, error) && rl_volume_sync(volume, error))
        return true;
    rl_volume_path_settle_anew(volume->pool, volume->name->volume);
    return false;
}

static bool
delete_volume(const RlPool *pool, const char *name, guint flags, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);

    if (!volume)
        return false;
    {
        g_autoptr(RlLock) lock = rl_volume_lock(volume, "delete", error);
        if (!lock)
            return false;
        if (!rl_volume_exists(volume))
            return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'", name,
                           pool->path);
        if (!rl_state_require_idle(volume, "deleted", error))
            return false;
        g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
        if (!revisions ||
            (!(flags & RL_DELETE_NAMED) && !refuse_for_labels(volume, revisions, error)) ||
            !require_unused(volume, revisions, error) ||
            (!(flags & RL_DELETE_USED) && !refuse_for_users(volume, error)) ||
            /* Who wrote to it, and was waited for, may have got an overlay on it. */
            !rl_state_require_no_base(volume, "deleted", error) ||
            !keep_newest_number(volume, revisions, error) || !drop_files(volume, revisions, error))
            return false;
        rl_volume_event(volume, "deleted", 0, "deleted, with %u revisions", revisions->len);
    }
    rl_short_path_tidy(pool, name);
    rl_volume_sweep(volume);
    rl_dirfd_remove_empty(pool->root, volume->name->dir);
    return true;
}

bool
rl_volume_delete(const RlPool *pool, const char *name, guint flags, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (delete_volume(pool, name, flags, &cause))
        return true;
    g_autoptr(RlLock) turn = rl_maintenance_outlast(pool, name, &cause);
    if (turn)
        return delete_volume(pool, name, flags, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool
delete_revision(const RlPool *pool, const RlName *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name->volume, error);

    if (!volume)
        return false;
    {
        g_autoptr(RlLock) lock = rl_volume_lock(volume, "delete a revision", error);
        g_autoptr(GPtrArray) revisions =
            lock && volume->dir >= 0 ? rl_revisions_list(volume->dir, volume->name->leaf, error)
                                     : NULL;
        if (!lock || (!revisions && volume->dir >= 0))
            return false;
        const RlRevision *revision = NULL;
        if (revisions && !rl_revisions_find_named(revisions, name, &revision, error))
            return false;
        if (!revision)
            return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no revision '%s' in pool '%s'",
                           name->text, pool->path);
        if (!require_unused_revision(volume, revision, error) ||
            !(revision->label || keep_number(volume, revision, false, error)) ||
            !rl_file_drop(volume, revision->file, error) || !rl_volume_sync(volume, error))
            return false;
        rl_volume_event(volume, "revision-deleted", revision->number, "revision '%s' is deleted",
                        name->text);
    }
    rl_volume_sweep(volume);
    rl_dirfd_remove_empty(pool->root, volume->name->dir);
    return true;
}

bool
rl_revision_delete(const RlPool *pool, const RlName *name, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (delete_revision(pool, name, &cause))
        return true;
    g_autoptr(RlLock) turn = rl_maintenance_outlast(pool, name->volume, &cause);
    if (turn)
        return delete_revision(pool, name, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}
