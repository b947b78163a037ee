/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "delete.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/highest.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/image/new-revision.h"
#include "common/image/short-path.h"
#include "common/image/trash.h"
#include "common/pool/volume-state.h"
#include "common/pool/writers.h"

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
                   "volume '%s' has named revisions: %s. Delete them first, or use 'vol-delete "
                   "--delete-snapshots'",
                   volume->name->volume, labels->str);
}

/* What a process writes to has a use that we do not know of. A domain that runs on a revision is
 * ended if libvirt's daemon, when it is started again, finds that no more. One that is the clean
 * image itself, during a replacement, has the replacement's own opener. */
static bool
require_unused_revision(const RlVolume *volume, const RlRevision *revision, GError **error)
{
    return (rl_stat_same(&revision->st, &volume->clean.st)
                ? rl_clean_require_unwritten_at
                : rl_clean_require_unopened_at)(volume, revision->file, error);
}

static bool
require_unused(const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    if (!rl_clean_require_unwritten_at(volume, volume->clean_file, error))
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
    return drop_history(volume, revisions, error) &&
           rl_file_drop(volume, volume->dirty_file, error) &&
           rl_file_drop(volume, volume->clean_file, error) &&
           rl_file_drop(volume, volume->record_file, error) && rl_volume_sync(volume, error);
}

bool
rl_volume_delete(const RlPool *pool, const char *name, bool with_labels, GError **error)
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
        if (!revisions || (!with_labels && !refuse_for_labels(volume, revisions, error)) ||
            !require_unused(volume, revisions, error) || !drop_files(volume, revisions, error))
            return false;
    }
    rl_short_path_tidy(pool, name);
    rl_volume_sweep(volume);
    rl_dirfd_remove_empty(pool->root, volume->name->dir);
    return true;
}

/* A number is not given twice. One that is the clean image itself, since a replacement was cut off,
 * has not been noted anywhere yet. */
static bool
note_number(const RlVolume *volume, const RlRevision *revision, GError **error)
{
    if (revision->label || !volume->clean.there || !rl_stat_same(&revision->st, &volume->clean.st))
        return true;

    rl_autofd int clean = rl_volume_open_image(volume, volume->clean_file, error);
    uint64_t highest;
    if (clean < 0 || !rl_new_revision_highest(volume, clean, &highest, error) ||
        !rl_highest_set(clean, MAX(highest, revision->number), error))
        return false;
    return fsync(clean) == 0 ||
           rl_fail_errno(error, errno, "volume '%s': cannot record the number of revision '%s'",
                         volume->name->volume, revision->file);
}

bool
rl_revision_delete(const RlPool *pool, const RlName *name, GError **error)
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
        const RlRevision *revision =
            revisions ? rl_revisions_find(revisions, name->number, name->label) : NULL;
        if (!revision)
            return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no revision '%s' in pool '%s'",
                           name->text, pool->path);
        if (!require_unused_revision(volume, revision, error) ||
            !note_number(volume, revision, error) || !rl_file_drop(volume, revision->file, error) ||
            !rl_volume_sync(volume, error))
            return false;
    }
    rl_volume_sweep(volume);
    rl_dirfd_remove_empty(pool->root, volume->name->dir);
    return true;
}
