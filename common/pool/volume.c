/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "capacity.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/fs/dirfd.h"
#include "common/fs/project-id.h"
#include "pool-mark.h"

/* A name, a number and a source fit many times over. */
#define RECORD_SIZE_MAX (64 * 1024)

/* A pool inside of a pool, made before anybody looked: its volumes are not ours. */
static bool
require_own(const RlVolume *volume, const char *dir, GError **error)
{
    struct stat st;

    return fstatat(volume->dir, RL_POOL_MARKER, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
           rl_fail(error, RL_ERROR_INVALID,
                   "directory '%s' of pool '%s' is another reflink pool. Use that pool", dir,
                   volume->pool->path);
}

/* One directory after the other, down to the volume's own. */
static bool
open_directory(RlVolume *volume, GError **error)
{
    const char *dir = volume->name->dir;
    g_autoptr(GError) cause = NULL;

    if (volume->dir >= 0)
        return true;
    for (const char *slash = dir; slash && !cause;) {
        slash = strchr(slash + 1, '/');
        g_autofree char *part = slash ? g_strndup(dir, (gsize) (slash - dir)) : g_strdup(dir);
        rl_fd_close(&volume->dir);
        volume->dir = rl_dirfd_open(volume->pool->root, part, &cause);
        if (volume->dir >= 0 && !require_own(volume, part, &cause))
            rl_fd_close(&volume->dir);
    }
    if (!cause || rl_error_is_errno(cause, ENOENT))
        return true;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause), "volume '%s': ", volume->name->text);
    return false;
}

RlVolume *
rl_volume_open(const RlPool *pool, const char *text, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse_volume(text, error);

    if (!name)
        return NULL;

    g_autoptr(RlVolume) volume = g_new0(RlVolume, 1);
    volume->pool = pool;
    volume->actor = pool->actor;
    volume->dir = -1;
    volume->clean_file = rl_file_name(name->leaf, RL_FILE_CLEAN);
    volume->dirty_file = rl_file_name(name->leaf, RL_FILE_DIRTY);
    volume->precache_file = rl_file_name(name->leaf, RL_FILE_PRECACHE);
    volume->record_file = rl_file_name(name->leaf, RL_FILE_RECORD);
    volume->name = g_steal_pointer(&name);
    if (!rl_volume_refresh(volume, error))
        return NULL;
    return g_steal_pointer(&volume);
}

RlVolume *
rl_volume_find(const RlPool *pool, const char *text, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, text, error);

    if (volume && !rl_volume_exists(volume)) {
        rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'", text,
                pool->path);
        return NULL;
    }
    return g_steal_pointer(&volume);
}

static bool
look_at(const RlVolume *volume, const char *file, RlImage *ret_image, GError **error)
{
    RlImage image = {0};

    if (!rl_dirfd_stat(volume->dir, file, &image.there, &image.st, error)) {
        g_prefix_error(error, "volume '%s': ", volume->name->text);
        return false;
    }
    *ret_image = image;
    return true;
}

/* A record that cannot be read now may say all the same that the volume is of another kind: what is
 * done to it must wait. One that can be read, and is none, is damaged. */
static bool
is_damage(const GError *cause)
{
    return cause->domain == RL_ERROR || rl_error_is_errno(cause, ELOOP);
}

/* Reads the record, if there is one. */
static bool
read_record(RlVolume *volume, GError **error)
{
    const RlDocuments *documents = volume->pool->documents;
    g_autoptr(GError) cause = NULL;
    size_t length;

    g_clear_pointer(&volume->record, rl_record_free);
    volume->contradictory = false;
    g_autofree char *text =
        rl_dirfd_read_file(volume->dir, volume->record_file, RECORD_SIZE_MAX, &length, &cause);
    if (text)
        volume->record = documents->record_parse(text, length, volume->record_file, &cause);
    if (volume->record || rl_error_is_errno(cause, ENOENT))
        return true;

    /* With images there, a damaged record costs the volume its kind, not its data: it is kept as a
     * persistent one is. */
    volume->contradictory = true;
    if (is_damage(cause) && (volume->clean.there || volume->dirty.there))
        return true;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause), "volume '%s': ", volume->name->text);
    return false;
}

/* What the record says holds as long as the images do not say otherwise. */
static void
settle_kind(RlVolume *volume)
{
    volume->kind = volume->record ? volume->record->kind : RL_KIND_PERSISTENT;

    bool imageless = volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE;
    bool two_images = volume->kind == RL_KIND_DIRECT && volume->clean.there && volume->dirty.there;
    if ((imageless && volume->clean.there) || two_images) {
        volume->contradictory = true;
        volume->kind = RL_KIND_PERSISTENT;
    }
}

bool
rl_volume_refresh(RlVolume *volume, GError **error)
{
    if (!open_directory(volume, error))
        return false;
    if (volume->dir < 0) {
        volume->clean = volume->dirty = volume->precache = (RlImage){0};
        volume->kind = RL_KIND_PERSISTENT;
        return true;
    }
    if (!look_at(volume, volume->clean_file, &volume->clean, error) ||
        !look_at(volume, volume->dirty_file, &volume->dirty, error))
        return false;
    /* Without the lock a direct volume's image may have got its clean name back in between. */
    if (!volume->clean.there && !volume->dirty.there &&
        !look_at(volume, volume->clean_file, &volume->clean, error))
        return false;
    if (!look_at(volume, volume->precache_file, &volume->precache, error) ||
        !read_record(volume, error))
        return false;
    settle_kind(volume);
    return true;
}

void
rl_volume_close(RlVolume *volume)
{
    if (!volume)
        return;
    rl_fd_close(&volume->dir);
    rl_name_free(volume->name);
    rl_record_free(volume->record);
    g_free(volume->clean_file);
    g_free(volume->dirty_file);
    g_free(volume->precache_file);
    g_free(volume->record_file);
    g_free(volume);
}

bool
rl_volume_exists(const RlVolume *volume)
{
    if (volume->clean.there || volume->dirty.there)
        return true;
    /* The record of a direct volume without an image is what a deletion that was cut off left. */
    return volume->record && (volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE);
}

RlLock *
rl_volume_lock(RlVolume *volume, const char *purpose, GError **error)
{
    return rl_pool_mark_require(volume->pool, error)
               ? rl_volume_lock_to_read(volume, purpose, error)
               : NULL;
}

RlLock *
rl_volume_lock_to_read(RlVolume *volume, const char *purpose, GError **error)
{
    g_autoptr(RlLock) lock = rl_pool_lock(volume->pool, volume->name->volume, purpose, error);

    if (!lock)
        return NULL;
    /* The directory may have been removed and made again while we waited. */
    rl_fd_close(&volume->dir);
    if (!rl_volume_refresh(volume, error))
        return NULL;
    return g_steal_pointer(&lock);
}

int
rl_volume_open_image(const RlVolume *volume, const char *file, GError **error)
{
    g_autoptr(GError) cause = NULL;
    int fd = rl_dirfd_open_file(volume->dir, file, O_RDONLY, &cause);

    /* Who owned it while its domain ran may have left one, and the kernel ends it in time. */
    if (rl_error_is_errno(cause, EWOULDBLOCK))
        rl_fail(error, RL_ERROR_BUSY,
                "volume '%s': a process keeps a lease on its image '%s' (fcntl(2), F_SETLEASE): "
                "find it with lslocks(8)",
                volume->name->text, file);
    else if (cause)
        g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                   "volume '%s': ", volume->name->text);
    return fd;
}

bool
rl_volume_sync(const RlVolume *volume, GError **error)
{
    return rl_dirfd_sync(volume->dir, volume->name->dir, error);
}

void
rl_volume_log(const RlVolume *volume, const char *format, ...)
{
    if (!rl_log_wants_details())
        return;
    g_autofree char *pool = rl_pool_real_path(volume->pool);
    const RlLogFields fields = {
        .pool = pool, .volume = volume->name->volume, .domain = volume->actor};
    va_list args;

    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    rl_log_detail(&fields, "%s in %s: %s%s%s%s", volume->name->volume, volume->pool->path, what,
                  volume->actor ? " (domain " : "", volume->actor ? volume->actor : "",
                  volume->actor ? ")" : "");
}

void
rl_volume_event(const RlVolume *volume, const char *event, uint64_t revision, const char *format,
                ...)
{
    g_autofree char *pool = rl_pool_real_path(volume->pool);
    const RlLogFields fields = {.pool = pool,
                                .volume = volume->name->volume,
                                .event = event,
                                .revision = revision,
                                .domain = volume->actor};
    va_list args;

    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    rl_log_event(&fields, "volume '%s' in %s: %s", volume->name->volume, volume->pool->path, what);
}

bool
rl_volume_rename(const RlVolume *volume, const char *from, const char *to, GError **error)
{
    if (rl_project_rename(volume->dir, from, to, 0) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot rename '%s' to '%s'%s",
                             volume->name->text, from, to, rl_project_hint(errno));
    rl_volume_log(volume, "renamed %s to %s", from, to);
    return true;
}

bool
rl_volume_capacity(const RlVolume *volume, uint64_t *ret_capacity, GError **error)
{
    uint64_t capacity = volume->record ? volume->record->capacity : 0;

    if (volume->dirty.there || volume->clean.there) {
        *ret_capacity = (uint64_t) (volume->dirty.there ? volume->dirty : volume->clean).st.st_size;
        return true;
    }
    if (volume->kind == RL_KIND_SNAPSHOT) {
        g_autoptr(RlVolume) source = rl_volume_open(volume->pool, volume->record->source, error);
        if (!source)
            return false;
        if (source->clean.there)
            capacity = MAX(capacity, (uint64_t) source->clean.st.st_size);
    }
    *ret_capacity = rl_capacity_round(capacity);
    return true;
}
