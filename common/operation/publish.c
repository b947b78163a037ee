/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a draft becomes what it was begun for. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/highest-note.h"
#include "common/format/image-copy.h"
#include "common/format/image-id.h"
#include "common/fs/dirfd.h"
#include "common/fs/file-size-limit.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"
#include "common/image/dirty-image.h"
#include "common/image/new-revision.h"
#include "common/image/temporary-files.h"
#include "common/image/volume-path.h"
#include "common/pool/capacity.h"
#include "common/pool/census.h"
#include "common/pool/volume-state.h"
#include "common/pool/writers.h"
#include "staged-image.h"

/* How often the directory may be removed, or the clean image be gone; each time somebody else got
 * something done. */
#define ATTEMPTS_MAX 8

static bool
sync_file(const RlStagedImage *draft, GError **error)
{
    if (fsync(draft->fd) < 0)
        return rl_fail_errno(error, errno, "cannot sync '%s'", draft->name->text);
    return true;
}

/* The draft's content is complete. */
static bool
complete(RlStagedImage *draft, uint64_t highest, GError **error)
{
    return rl_image_id_new(draft->fd, highest, error) &&
           (!draft->copy_of ||
            rl_image_copy_note(draft->fd, draft->copy_of, &draft->copied, error)) &&
           (!draft->received || rl_state_id_set_received(draft->fd, draft->received, error)) &&
           sync_file(draft, error) && rl_tmpfile_seal(&draft->fd, error);
}

/* The record of an earlier volume of this name, of a deletion or a creation that was cut off, would
 * tell the wrong kind. Nothing else goes: files that only look like Qubes OS's driver's may be an
 * administrator's. */
static bool
clear_way(const RlVolume *volume, GError **error)
{
    return rl_staged_check_remains(volume, error) &&
           rl_file_drop(volume, volume->record_file, error);
}

static bool
refuse_removed(const RlStagedImage *draft, GError **error)
{
    return rl_fail(error, RL_ERROR_BUSY,
                   "the directory of volume '%s' was removed meanwhile. Try again",
                   draft->name->text);
}

/* Locks the volume and sees that nobody else made it meanwhile. Also makes sure of the directory:
 * whoever deleted its last volume since has removed it (ENOENT). */
static RlLock *
lock_for_creation(const RlStagedImage *draft, RlVolume *volume, GError **error)
{
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "create", error);
    struct stat ours, there;

    if (!lock)
        return NULL;
    if (rl_volume_exists(volume)) {
        rl_fail(error, RL_ERROR_EXISTS, "volume '%s' exists already. Choose another name",
                volume->name->volume);
        return NULL;
    }
    if (volume->dir < 0 || fstat(draft->dir, &ours) < 0 || fstat(volume->dir, &there) < 0 ||
        !rl_stat_same(&ours, &there)) {
        rl_fail_errno(error, ENOENT, "directory '%s' was removed meanwhile", draft->name->dir);
        return NULL;
    }
    return g_steal_pointer(&lock);
}

/* A file without a name can get one in any directory of its file system. One that has a temporary
 * name (and so kept its directory from being removed) went elsewhere with that. */
static bool
leave_directory(RlStagedImage *draft, GError **error)
{
    struct stat st = {.st_nlink = 1}; /* where it cannot be told */

    fstat(draft->fd, &st);
    if (st.st_nlink > 0)
        return refuse_removed(draft, error);
    rl_fd_close(&draft->dir);
    draft->made_dir = true;
    return true;
}

/* The directory that was made anew may be gone again (ENOENT). */
static bool
return_to_directory(RlStagedImage *draft, GError **error)
{
    if (draft->dir < 0)
        draft->dir = rl_dirfd_make(draft->pool->root, draft->name->dir, error);
    return draft->dir >= 0;
}

static bool
write_record(const RlVolume *volume, const RlRecord *record, GError **error)
{
    g_autofree char *text = volume->pool->documents->record_format(record, volume->name->volume);

    if (!rl_tmpfile_write(volume->dir, volume->record_file, text, 0600, error))
        return false;
    rl_volume_log(volume, "made %s", volume->record_file);
    return true;
}

/* Gives the volume its files. Record before image: a record alone is no volume of a kind that has
 * an image, an image alone would be one of another kind. */
static bool
make_files(const RlStagedImage *draft, const RlVolume *volume, const RlRecord *record,
           bool has_image, GError **error)
{
    return (!record || write_record(volume, record, error)) &&
           (!has_image || rl_tmpfile_link(draft->fd, volume->dir, volume->clean_file, error));
}

/* One attempt. Whoever deletes the last volume in the directory, and with it that, has that
 * volume's lock, not ours: then it fails with ENOENT, wherever it is. */
static bool
create(RlStagedImage *draft, RlVolume *volume, const RlRecord *record, bool has_image,
       GError **error)
{
    if (!return_to_directory(draft, error))
        return false;
    g_autoptr(RlLock) lock = lock_for_creation(draft, volume, error);

    if (!lock || !clear_way(volume, error) ||
        !make_files(draft, volume, record, has_image, error) || !rl_volume_sync(volume, error))
        return false;
    if (has_image)
        rl_volume_path_begin(volume, draft->path);
    if (record && record->kind == RL_KIND_SNAPSHOT)
        rl_census_add_snapshot(draft->pool, record->source, volume->name->volume);
    rl_volume_log(volume, "created, %s%s",
                  rl_kind_to_string(record ? record->kind : RL_KIND_PERSISTENT),
                  has_image ? ", with a clean image" : "");
    rl_volume_event(volume, "created", 0, "created, %s%s%s",
                    rl_kind_to_string(record ? record->kind : RL_KIND_PERSISTENT),
                    draft->origin ? ", from " : "", draft->origin ? draft->origin : "");
    return true;
}

bool
rl_staged_create(RlStagedImage *draft, const RlRecord *record, uint64_t capacity, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(draft->pool, draft->name->volume, error);
    bool has_image =
        !record || record->kind == RL_KIND_PERSISTENT || record->kind == RL_KIND_DIRECT;
    struct stat st;

    if (!volume)
        return false;
    if (has_image) {
        if (fstat(draft->fd, &st) < 0)
            return rl_fail_errno(error, errno, "cannot examine the new '%s'", draft->name->text);
        capacity = rl_capacity_round_for(draft->name->text, MAX((uint64_t) st.st_size, capacity));
        if (!rl_limit_allows_size(draft->fd, capacity, error))
            return false;
        if (((uint64_t) st.st_size < capacity && ftruncate(draft->fd, (off_t) capacity) < 0))
            return rl_fail_errno(error, errno, "cannot set the size of volume '%s'",
                                 draft->name->text);
        if (!complete(draft, 0, error))
            return false;
    }

    for (int i = 1;; i++) {
        g_autoptr(GError) cause = NULL;
        if (create(draft, volume, record, has_image, &cause))
            break;
        if (!rl_error_is_errno(cause, ENOENT)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        if (i == ATTEMPTS_MAX)
            return refuse_removed(draft, error);
        if (!leave_directory(draft, error))
            return false;
    }
    rl_tmpfile_discard(draft->fd, draft->dir); /* where no image was wanted */
    rl_fd_close(&draft->fd);
    return true;
}

/* Gives the draft the access that the volume has at rest. With the lock: a direct volume's is noted
 * on its dirty image while it runs, and a run that ends between the look at the volume and the look
 * at the note would take that away. Returns the volume, owned by the caller. */
static RlVolume *
find_with_access(const RlStagedImage *draft, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(draft->pool, draft->name->volume, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "read the access of", error) : NULL;

    if (!lock || !rl_dirty_give_access(volume, draft->fd, error))
        return NULL;
    return g_steal_pointer(&volume);
}

static bool
is_known(const RlStagedImage *draft, const RlVolume *volume, const char *file)
{
    g_autofree char *inode = NULL;

    return rl_inode_describe(volume->dir, file, &inode, NULL) && inode &&
           (g_strcmp0(inode, draft->known[0]) == 0 || g_strcmp0(inode, draft->known[1]) == 0);
}

/* The clone was made without the lock: the volume may have been deleted or renamed since, and
 * another one have the name. An image of then is one of its images yet, or a revision. */
static bool
require_same_volume(const RlStagedImage *draft, const RlVolume *volume, GError **error)
{
    if ((!draft->known[0] && !draft->known[1]) || is_known(draft, volume, volume->clean_file) ||
        is_known(draft, volume, volume->dirty_file))
        return true;
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    if (!revisions)
        return false;
    for (guint i = 0; i < revisions->len; i++)
        if (is_known(draft, volume, ((const RlRevision *) g_ptr_array_index(revisions, i))->file))
            return true;
    return rl_fail(
        error, RL_ERROR_BUSY,
        "cannot make revision '%s': the images of its volume were replaced meanwhile. Try "
        "again",
        draft->name->text);
}

bool
rl_staged_label(RlStagedImage *draft, GError **error)
{
    g_autofree char *file = rl_file_name_label(draft->name->leaf, draft->name->label);
    g_autoptr(RlVolume) volume = find_with_access(draft, error);
    g_autoptr(GError) cause = NULL;

    if (!volume || !complete(draft, 0, error))
        return false;

    g_autoptr(RlLock) lock = rl_volume_lock(volume, "snapshot", error);
    if (!lock)
        return false;
    if (!rl_volume_exists(volume))
        return rl_fail(error, RL_ERROR_NOT_FOUND,
                       "cannot make revision '%s': its volume was deleted meanwhile",
                       draft->name->text);
    if (!require_same_volume(draft, volume, error))
        return false;
    if (!rl_tmpfile_link(draft->fd, volume->dir, file, &cause)) {
        if (rl_error_is_errno(cause, EEXIST))
            return rl_fail(error, RL_ERROR_EXISTS,
                           "revision '%s' exists already. Choose another label, or delete it first",
                           draft->name->text);
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    rl_volume_log(volume, "made %s", file);
    rl_fd_close(&draft->fd);
    if (!rl_volume_sync(volume, error))
        return false;
    rl_volume_event(volume, "snapshot", 0, "the named revision '%s' is made", draft->name->text);
    return true;
}

/* The clean image has been its own next revision since the draft was begun. Whoever gave up a draft
 * of his own since, or deleted that revision, has taken the name away. */
static bool
keep_replaced(const RlStagedImage *draft, const RlVolume *volume, GError **error)
{
    rl_autofd int clean = rl_volume_open_image(volume, volume->clean_file, error);
    uint64_t number;
    bool linked;

    if (clean < 0 || !rl_new_revision_number(volume, clean, &number, &linked, error))
        return false;
    /* Numbers that others were given since are not given again. */
    uint64_t highest = linked ? number : number - 1;
    if (highest > draft->revision &&
        (!rl_highest_set(draft->fd, highest, error) || !sync_file(draft, error)))
        return false;
    return linked || rl_new_revision_link(volume, draft->revision, error);
}

/* A record makes a volume direct, and persistent is what has none. */
static bool
set_kind(const RlVolume *volume, RlKind kind, GError **error)
{
    g_autoptr(RlRecord) record = rl_record_new(kind, NULL, (uint64_t) volume->clean.st.st_size);

    if (kind != RL_KIND_PERSISTENT)
        return write_record(volume, record, error);
    return rl_file_drop(volume, volume->record_file, error);
}

static bool
put_in_place(RlStagedImage *draft, const RlVolume *volume, GError **error)
{
    g_autofree char *temp = rl_file_name_temp(draft->name->leaf);

    return keep_replaced(draft, volume, error) &&
           rl_tmpfile_replace(draft->fd, volume->dir, temp, volume->clean_file, error);
}

static bool
is_in_place(const RlStagedImage *draft, const RlVolume *volume)
{
    struct stat ours, there;

    return fstat(draft->fd, &ours) == 0 &&
           fstatat(volume->dir, volume->clean_file, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           rl_stat_same(&ours, &there);
}

/* The kind comes first: a crash after it leaves the old content in a volume of the new kind, which
 * is complete, too. Where the content is not replaced, the old kind is put back; that the names
 * could not be made durable is told, and changes neither. */
static bool
replace_with_kind(RlStagedImage *draft, const RlVolume *volume, GError **error)
{
    RlKind was = volume->kind;
    RlKind kind = draft->asked.given ? draft->asked.kind : was;

    if (kind == was)
        return put_in_place(draft, volume, error);
    if (set_kind(volume, kind, error) && put_in_place(draft, volume, error)) {
        rl_volume_log(volume, "is %s now", rl_kind_to_string(kind));
        return true;
    }
    if (!is_in_place(draft, volume))
        set_kind(volume, was, NULL);
    return false;
}

bool
rl_staged_replace(RlStagedImage *draft, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(draft->pool, draft->name->volume, error);

    if (!volume || !rl_access_copy(draft->replaced_fd, draft->fd, error) ||
        !complete(draft, draft->revision, error))
        return false;

    g_autoptr(RlLock) lock = rl_volume_lock(volume, "replace", error);
    if (!lock || !rl_staged_check_unchanged(draft, volume, error))
        return false;
    if (!replace_with_kind(draft, volume, error))
        return false;
    rl_highest_clear(draft->replaced_fd, NULL);
    rl_volume_log(volume, "replaced %s; it is revision %" G_GUINT64_FORMAT " now",
                  volume->clean_file, draft->revision);
    rl_volume_event(volume, "replaced", draft->revision,
                    "its content is replaced%s%s; the state before is revision %" G_GUINT64_FORMAT,
                    draft->origin ? " with that of " : "", draft->origin ? draft->origin : "",
                    draft->revision);
    rl_fd_close(&draft->fd);
    return true;
}
