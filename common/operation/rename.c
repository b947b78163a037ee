/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "before-edit.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/fs/project-id.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"
#include "common/image/reader.h"
#include "common/image/short-path.h"
#include "common/image/temporary-files.h"
#include "common/image/volume-path.h"
#include "common/pool/census.h"
#include "common/pool/snapshot-volumes.h"
#include "common/pool/volume-state.h"
#include "common/pool/writers.h"
#include "maintenance-turn.h"
#include "staged-image.h"

/* A domain that has it as a disk would be ended by the next start of libvirt's daemon, which finds
 * no such volume; one that is about to open it would get what has the name by then. */
static bool
require_unread(const RlVolume *volume, const char *file, GError **error)
{
    return rl_clean_require_unopened_at(volume, file, error) &&
           rl_reader_settle_at(volume, file, error);
}

/* With its lock. */
static bool
require_at_rest(const RlVolume *volume, const GPtrArray *revisions, GError **error)
{
    if (!rl_state_require_idle(volume, "renamed", error))
        return false;
    if (volume->dirty.there)
        return rl_state_refuse_left(volume, " that was not committed", error);
    if (!require_unread(volume, volume->clean_file, error))
        return false;
    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        if (!require_unread(volume, revision->file, error))
            return false;
    }
    return true;
}

/* What is under way; both have their locks. */
typedef struct {
    const RlVolume *from, *to;
    GPtrArray *revisions; /* of @from */
    GPtrArray *made;      /* names of files of @to */
} Rename;

/* The name of a file of @from under the other one: all that follows the last component stays. */
static char *
new_name(const Rename *rename, const char *file)
{
    return g_strconcat(rename->to->name->leaf, file + strlen(rename->from->name->leaf), NULL);
}

/* Is @file of @from, with the status @st, there by its new name as well? */
static bool
is_linked(const Rename *rename, const char *file, const struct stat *st)
{
    g_autofree char *name = new_name(rename, file);
    struct stat there;

    return fstatat(rename->to->dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           rl_stat_same(&there, st);
}

static guint
count_linked(const Rename *rename)
{
    guint count = 0;

    for (guint i = 0; i < rename->revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(rename->revisions, i);
        count += is_linked(rename, revision->file, &revision->st);
    }
    return count;
}

/* Nothing but what a renaming that was cut off has linked may be there. */
static bool
require_free(const Rename *rename, GError **error)
{
    const RlVolume *to = rename->to;

    if (rl_volume_exists(to))
        return rl_fail(error, RL_ERROR_EXISTS, "volume '%s' exists already. Choose another name",
                       to->name->volume);
    if (to->dir < 0)
        return rl_fail_errno(error, ENOENT, "cannot open directory '%s'", to->name->dir);
    g_autoptr(GPtrArray) there = rl_revisions_list(to->dir, to->name->leaf, error);
    if (!there)
        return false;
    return (there->len > 0 && !to->precache.there && there->len == count_linked(rename)) ||
           rl_staged_check_remains(to, error);
}

static bool
link_revisions(const Rename *rename, GError **error)
{
    for (guint i = 0; i < rename->revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(rename->revisions, i);
        g_autofree char *name = new_name(rename, revision->file);
        if (is_linked(rename, revision->file, &revision->st))
            continue;
        if (linkat(rename->from->dir, revision->file, rename->to->dir, name, 0) < 0)
            return rl_fail_errno(error, errno, "volume '%s': cannot link '%s' to '%s'%s",
                                 rename->from->name->volume, revision->file, name,
                                 rl_project_hint(errno));
        rl_volume_log(rename->to, "linked %s", name);
        g_ptr_array_add(rename->made, g_steal_pointer(&name));
    }
    return rl_volume_sync(rename->to, error);
}

static bool
write_record(const Rename *rename, GError **error)
{
    const RlVolume *to = rename->to;
    g_autofree char *text =
        to->pool->documents->record_format(rename->from->record, to->name->volume);

    return rl_tmpfile_write(to->dir, to->record_file, text, 0600, error);
}

/* The record of an earlier volume of this name, of a deletion or a creation that was cut off, would
 * tell the wrong kind. */
static bool
prepare_record(const Rename *rename, GError **error)
{
    const RlVolume *from = rename->from, *to = rename->to;

    if (!rl_file_drop(to, to->record_file, error))
        return false;
    if (!from->record || !from->clean.there)
        return true;
    g_ptr_array_add(rename->made, g_strdup(to->record_file));
    return write_record(rename, error);
}

/* What a saved domain reads by its name is compared by that (restore-fit.h): durable before the
 * name can be another one's. A crash after it leaves an image that may count as exchanged, no more.
 */
static bool
note_since(const RlVolume *volume, const char *file, GError **error)
{
    rl_autofd int fd = rl_volume_open_image(volume, file, error);

    if (fd < 0 ||
        !rl_xattr_set_number(fd, RL_ATTR_CLEAN_SINCE, (uint64_t) g_get_real_time(), error))
        return false;
    return fsync(fd) == 0 ||
           rl_fail_errno(error, errno, "volume '%s': cannot record when '%s' got its name",
                         volume->name->volume, file);
}

static bool
note_all_since(const Rename *rename, GError **error)
{
    for (guint i = 0; i < rename->revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(rename->revisions, i);
        if (!note_since(rename->from, revision->file, error))
            return false;
    }
    return !rename->from->clean.there || note_since(rename->from, rename->from->clean_file, error);
}

/* In one step: the clean image, or where there is none the record, makes the volume. A record says
 * the name as well, but for people: where it lies is what counts. */
static bool
move(const Rename *rename, GError **error)
{
    const RlVolume *from = rename->from, *to = rename->to;
    bool has_image = from->clean.there;
    const char *file = has_image ? from->clean_file : from->record_file;
    const char *name = has_image ? to->clean_file : to->record_file;

    rl_volume_path_remove(from);
    if (renameat2(from->dir, file, to->dir, name, RENAME_NOREPLACE) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot rename '%s' to '%s'%s",
                             from->name->volume, file, name, rl_project_hint(errno));
    rl_volume_log(to, "renamed %s to %s", file, name);
    return true;
}

/* All of it is also there by its old name. */
static void
undo(const Rename *rename)
{
    for (guint i = rename->made->len; i-- > 0;)
        unlinkat(rename->to->dir, g_ptr_array_index(rename->made, i), 0);
}

/* What is left by the old name, and is there by the new one. */
static bool
drop_old(const Rename *rename, GError **error)
{
    const RlVolume *from = rename->from;

    if (!rl_volume_sync(rename->to, error))
        return false;
    for (guint i = 0; i < rename->revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(rename->revisions, i);
        if (!is_linked(rename, revision->file, &revision->st))
            return rl_fail(
                error, RL_ERROR_STATE,
                "volume '%s' is now called '%s', but its revision '%s' was not found under the "
                "new name, so the file was left under the former one. Type the same "
                "'virt-reflink rename' again",
                from->name->volume, rename->to->name->volume, revision->file);
        if (!rl_file_drop(from, revision->file, error))
            return false;
    }
    return rl_file_drop(from, from->record_file, error) && rl_volume_sync(from, error);
}

static bool
change_name(const Rename *rename, GError **error)
{
    const RlVolume *from = rename->from, *to = rename->to;

    if (!require_at_rest(from, rename->revisions, error) || !require_free(rename, error) ||
        !rl_edit_require_none(from, error))
        return false;
    if (!note_all_since(rename, error) || !link_revisions(rename, error) ||
        !prepare_record(rename, error) || !rl_file_drop(from, from->precache_file, error) ||
        !move(rename, error)) {
        undo(rename);
        return false;
    }
    if (from->record && from->record->source)
        rl_census_add_snapshot(to->pool, from->record->source, to->name->volume);
    if (from->record && !from->clean.there)
        write_record(rename, NULL);
    rl_volume_event(to, "renamed", 0, "was '%s'", from->name->volume);
    return drop_old(rename, error);
}

/* A renaming was cut off when the volume had its new name: what is left by the old one goes. */
static bool
finish_earlier(const Rename *rename, GError **error)
{
    const RlVolume *from = rename->from;
    guint left = rename->revisions->len;

    if (rl_volume_exists(rename->to) && left > 0 && left == count_linked(rename))
        return drop_old(rename, error);
    return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'",
                   from->name->volume, from->pool->path);
}

/* A power cut can leave both names of the clean image, and all else, where a file system makes the
 * directory of the new one durable by itself (btrfs): the renaming had come past move(). */
static bool
is_twice(const RlVolume *from, const RlVolume *to)
{
    return from->clean.there && to->clean.there && !to->dirty.there && from->kind == to->kind &&
           rl_stat_same(&from->clean.st, &to->clean.st);
}

/* The old names go, the clean image's first: what a crash leaves then is for finish_earlier(). */
static bool
finish_twice(const Rename *rename, GError **error)
{
    const RlVolume *from = rename->from, *to = rename->to;

    if (rename->revisions->len != count_linked(rename))
        return rl_fail(
            error, RL_ERROR_EXISTS,
            "volume '%s' exists already, and shares the clean image of '%s', but not all "
            "its revisions. Clone one of the two volumes to another name, then delete that "
            "volume",
            to->name->volume, from->name->volume);
    if (!require_at_rest(from, rename->revisions, error) || !rl_edit_require_none(from, error) ||
        !rl_volume_sync(to, error) || !rl_file_drop(from, from->precache_file, error))
        return false;
    rl_volume_path_remove(from);
    if (!rl_file_drop(from, from->clean_file, error))
        return false;
    rl_volume_event(to, "renamed", 0, "was '%s'; the renaming was cut off before",
                    from->name->volume);
    return drop_old(rename, error);
}

/* Nobody else has the locks of two volumes, so that their order is of no matter to others. */
static bool
rename_locked(RlVolume *from, RlVolume *to, GError **error)
{
    bool in_order = strcmp(from->name->volume, to->name->volume) < 0;
    g_autoptr(RlLock) first = rl_volume_lock(in_order ? from : to, "rename", error);
    g_autoptr(RlLock) second = first ? rl_volume_lock(in_order ? to : from, "rename", error) : NULL;
    g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);

    if (!second)
        return false;
    g_autoptr(GPtrArray) revisions =
        from->dir >= 0 ? rl_revisions_list(from->dir, from->name->leaf, error) : rl_revisions_new();
    const Rename rename = {from, to, revisions, made};
    if (!revisions)
        return false;
    bool done;
    if (is_twice(from, to))
        done = finish_twice(&rename, error);
    else
        done =
            rl_volume_exists(from) ? change_name(&rename, error) : finish_earlier(&rename, error);
    rl_volume_path_settle_anew(from->pool, from->name->volume);
    rl_volume_path_settle_anew(to->pool, to->name->volume);
    return done;
}

/* Before a directory is made: what is so now is likely to be so with the locks. */
static bool
look_early(const RlVolume *from, const RlVolume *to, GError **error)
{
    if (rl_volume_exists(from) == rl_volume_exists(to) && !is_twice(from, to))
        return rl_volume_exists(to)
                   ? rl_fail(error, RL_ERROR_EXISTS,
                             "volume '%s' exists already. Choose another name", to->name->volume)
                   : rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'",
                             from->name->volume, from->pool->path);
    if (!rl_state_require_idle(from, "renamed", error))
        return false;
    return (!from->dirty.there || rl_state_refuse_left(from, " that was not committed", error)) &&
           (from->dir < 0 || rl_clean_require_unopened_at(from, from->clean_file, error));
}

static bool
rename_volume(const RlPool *pool, const char *from, const char *to, GError **error)
{
    g_autoptr(RlVolume) old = rl_volume_open(pool, from, error);
    g_autoptr(RlVolume) new = old ? rl_volume_open(pool, to, error) : NULL;

    if (!new)
        return false;
    if (strcmp(old->name->volume, new->name->volume) == 0) /* one lock cannot be had twice */
        return rl_fail(error, RL_ERROR_EXISTS,
                       "volume '%s' has that name already. Choose another name", from);
    if (!look_early(old, new, error) ||
        !rl_snapshot_volumes_require_none(pool, from, "renamed",
                                          "Delete what names it first, or clone it to the new name",
                                          error) ||
        !(rl_volume_exists(new) || rl_short_path_require_free(pool, new->name, error)) ||
        !rl_edit_require_kept(old, error))
        return false;
    rl_autofd int dir = rl_dirfd_make(pool->root, new->name->dir, error);
    bool done = dir >= 0 && rename_locked(old, new, error);
    if (done) {
        rl_short_path_tidy(pool, from);
        rl_volume_sweep(old);
    }
    rl_dirfd_remove_empty(pool->root, done ? old->name->dir : new->name->dir);
    return done;
}

bool
rl_volume_rename_to(const RlPool *pool, const char *from, const char *to, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (rename_volume(pool, from, to, &cause))
        return true;
    g_autoptr(RlLock) turn = rl_maintenance_outlast(pool, from, &cause);
    if (turn)
        return rename_volume(pool, from, to, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}
