/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/fs/project-id.h"
#include "common/fs/tmpfile.h"
#include "common/image/temporary-files.h"
#include "common/image/volume-path.h"
#include "common/pool/capacity.h"
#include "common/pool/census.h"
#include "common/pool/qubes-leftover.h"
#include "common/pool/writers.h"
#include "save.h"
#include "staged-image.h"

/* The directory that @path below @root lies in, and the name in it. */
static int
open_parent(int root, const char *path, char **ret_base, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(path);

    *ret_base = g_path_get_basename(path);
    return rl_dirfd_open(root, dir, error);
}

/* @file, which must still be what was seen; -1 with @error. */
static int
open_same(int dir, const char *base, const RlAdoptFile *file, GError **error)
{
    rl_autofd int fd = rl_dirfd_open_file_at_once(dir, base, O_RDONLY, error);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && rl_stat_same(&st, &file->st))
        return rl_fd_steal(&fd);
    rl_fail(error, RL_ERROR_NOT_FOUND, "'%s' was replaced by another file meanwhile. Try again",
            file->path);
    return -1;
}

bool
rl_adopt_require_unused(int root, const RlAdoptFile *file, GError **error)
{
    g_autofree char *base = NULL;
    rl_autofd int dir = open_parent(root, file->path, &base, error);
    rl_autofd int fd = dir < 0 ? -1 : open_same(dir, base, file, error);

    return fd >= 0 &&
           rl_clean_require_unwritten(file->volume, file->path, fd, RL_CLEAN_PATIENCE_MS, error);
}

/* Nothing but @file itself has the volume's short path. */
static bool
require_free(const RlPool *pool, const RlAdoptFile *file, const RlVolume *volume, GError **error)
{
    g_autofree char *with_suffix = g_strconcat(file->volume, ".img", NULL);
    const char *const paths[] = {file->volume, with_suffix};
    struct stat st;

    if (rl_volume_exists(volume))
        return rl_fail(error, RL_ERROR_EXISTS,
                       "'%s' cannot become volume '%s', which exists already. Rename one of them",
                       file->path, file->volume);
    for (size_t i = 0; i < G_N_ELEMENTS(paths) && !strchr(file->path, '/'); i++)
        if (strcmp(paths[i], file->path) != 0 &&
            fstatat(pool->root, paths[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
            return rl_fail(error, RL_ERROR_NAME,
                           "'%s' cannot become volume '%s': another file or directory has the path "
                           "'%s/%s' of that volume. Rename one of the two",
                           file->path, file->volume, pool->path, paths[i]);
    return rl_staged_check_remains(volume, error);
}

static bool
rename_file(const RlVolume *volume, const RlAdoptFile *file, int dir, const char *base,
            GError **error)
{
    if (!rl_file_drop(volume, volume->record_file, error))
        return false;
    if (renameat2(dir, base, volume->dir, volume->clean_file, RENAME_NOREPLACE) < 0)
        return rl_fail_errno(error, errno, "cannot rename '%s' to '%s'%s", file->path, file->to,
                             rl_project_hint(errno));
    rl_volume_log(volume, "renamed %s to %s", file->path, file->to);
    return true;
}

/* A renaming that a power cut has done by half: the file has both names. */
static bool
is_twice(const RlVolume *volume, const RlAdoptFile *file)
{
    return volume->clean.there && !volume->dirty.there &&
           rl_stat_same(&volume->clean.st, &file->st);
}

static bool
move_locked(const RlVolume *volume, const RlAdoptFile *file, GError **error)
{
    const RlPool *pool = volume->pool;
    g_autofree char *base = NULL;
    rl_autofd int dir = open_parent(pool->root, file->path, &base, error);
    rl_autofd int fd = dir < 0 ? -1 : open_same(dir, base, file, error);

    if (fd < 0 ||
        !rl_clean_require_unwritten(file->volume, file->path, fd, RL_CLEAN_PATIENCE_MS, error))
        return false;
    if (is_twice(volume, file)) {
        if (!rl_volume_sync(volume, error))
            return false;
        if (unlinkat(dir, base, 0) < 0)
            return rl_fail_errno(error, errno, "cannot remove the former name of '%s'", file->path);
    } else if (!require_free(pool, file, volume, error) ||
               !rename_file(volume, file, dir, base, error) || !rl_volume_sync(volume, error)) {
        return false;
    }
    /* By the path that it had, if that can be. */
    rl_volume_path_begin(volume, strchr(file->path, '/') ? NULL : file->path);
    rl_volume_event(volume, "adopted", 0, "adopted; it was '%s'", file->path);
    return rl_dirfd_sync(dir, file->path, error);
}

bool
rl_adopt_move(const RlPool *pool, const RlAdoptFile *file, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse_volume(file->volume, error);
    rl_autofd int made = name ? rl_dirfd_make(pool->root, name->dir, error) : -1;
    g_autoptr(RlVolume) volume = made < 0 ? NULL : rl_volume_open(pool, file->volume, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "adopt", error) : NULL;

    return lock && move_locked(volume, file, error);
}

/* With the lock. */
static bool
write_record(const RlVolume *volume, const RlRecord *record, GError **error)
{
    g_autofree char *text = volume->pool->documents->record_format(record, volume->name->volume);
    const RlRecord *before = volume->record;
    const char *name = volume->name->volume;

    if (before && before->kind == record->kind && g_strcmp0(before->source, record->source) == 0)
        return true;
    if (before || volume->clean.there)
        return rl_fail(error, RL_ERROR_EXISTS,
                       "volume '%s' exists already, as a %s volume, and cannot become %s", name,
                       rl_kind_to_string(volume->kind), rl_kind_to_string(record->kind));
    if (!volume->dirty.there && !rl_staged_check_remains(volume, error))
        return false;
    if (!rl_tmpfile_write(volume->dir, volume->record_file, text, 0600, error))
        return false;
    if (record->source)
        rl_census_add_snapshot(volume->pool, record->source, name);
    rl_volume_log(volume, "made %s", volume->record_file);
    rl_volume_event(volume, "adopted", 0, "adopted, %s", rl_kind_to_string(record->kind));
    return true;
}

/* Its directory is made; looked at with the lock. */
static RlVolume *
lock_volume(const RlPool *pool, const char *text, RlLock **ret_lock, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse_volume(text, error);
    rl_autofd int made = name ? rl_dirfd_make(pool->root, name->dir, error) : -1;
    g_autoptr(RlVolume) volume = made < 0 ? NULL : rl_volume_open(pool, text, error);

    *ret_lock = volume ? rl_volume_lock(volume, "adopt", error) : NULL;
    return *ret_lock ? g_steal_pointer(&volume) : NULL;
}

/* Was it left by Qubes OS's driver as a running snapshot of @source? */
static bool
is_leftover(const RlPool *pool, const char *name, const char *source, bool *ret_is, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autofree char *of = NULL;

    if (!volume || !rl_peer_source(volume, &of, error))
        return false;
    *ret_is = of && strcmp(of, source) == 0;
    return true;
}

bool
rl_adopt_snapshot(const RlPool *pool, const char *name, const char *source, GError **error)
{
    g_autoptr(RlVolume) from = rl_volume_find(pool, source, error);
    bool leftover;

    if (!from || !is_leftover(pool, name, source, &leftover, error))
        return false;
    if (leftover)
        return rl_volume_discard(pool, name, error);
    if (strcmp(name, source) == 0 || from->kind == RL_KIND_SNAPSHOT ||
        from->kind == RL_KIND_VOLATILE)
        return rl_fail(
            error, RL_ERROR_INVALID,
            "volume '%s' cannot be a snapshot of '%s', which has no committed content of its own",
            name, source);
    g_autoptr(RlLock) lock = NULL;
    g_autoptr(RlVolume) volume = lock_volume(pool, name, &lock, error);
    g_autoptr(RlRecord) record = rl_record_new(RL_KIND_SNAPSHOT, source, 0);
    return volume && write_record(volume, record, error);
}

bool
rl_adopt_volatile(const RlPool *pool, const char *name, guint64 capacity, GError **error)
{
    g_autoptr(RlLock) lock = NULL;
    g_autoptr(RlVolume) volume = lock_volume(pool, name, &lock, error);

    if (!volume)
        return false;
    if (capacity == 0 && volume->dirty.there)
        capacity = (guint64) volume->dirty.st.st_size;
    if (capacity == 0 && volume->record)
        capacity = volume->record->capacity;
    if (capacity == 0)
        return rl_fail(error, RL_ERROR_INVALID,
                       "volume '%s' has no image that tells its size: type its size as well", name);
    g_autoptr(RlRecord) record =
        rl_record_new(RL_KIND_VOLATILE, NULL, rl_capacity_round_for(name, capacity));
    return write_record(volume, record, error);
}
