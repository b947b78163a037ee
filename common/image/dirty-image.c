/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dirty-image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-base.h"
#include "common/format/image-id.h"
#include "common/format/image-made.h"
#include "common/format/image-mark.h"
#include "common/fs/access-note.h"
#include "common/fs/dirfd.h"
#include "common/fs/file-error.h"
#include "common/fs/file-size-limit.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/reflink.h"
#include "common/fs/stable-copy.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"
#include "common/pool/capacity.h"
#include "common/pool/writers.h"
#include "suspect.h"
#include "torn-copy.h"

static void
refuse_imageless(const RlVolume *volume, GError **error)
{
    rl_fail(error, RL_ERROR_STATE,
            "volume '%s' has no clean image. 'virt-reflink check' says what to do",
            volume->name->volume);
}

/* Whose clean image it is: @volume's, as it was seen last, or its source's, which is opened and
 * left in *@ret_source, to be closed by the caller. */
static const RlVolume *
base_volume(const RlVolume *volume, RlVolume **ret_source, GError **error)
{
    const RlVolume *base = volume;

    if (volume->kind == RL_KIND_SNAPSHOT)
        base = *ret_source = rl_volume_open(volume->pool, volume->record->source, error);
    if (!base || base->clean.there)
        return base;
    if (volume->kind == RL_KIND_SNAPSHOT && !rl_volume_exists(base))
        rl_fail(error, RL_ERROR_NOT_FOUND,
                "volume '%s' is a snapshot of '%s', which is gone. Make a volume of that name, or "
                "delete '%s'",
                volume->name->volume, base->name->volume, volume->name->volume);
    else
        refuse_imageless(base, error);
    return NULL;
}

/* What has none yet, and somebody writes to, may be no image at all (overlay-file.h): it is not
 * made one.
 */
static bool
get_identity(RlBase *base, GError **error)
{
    if (!rl_image_id_get(base->fd, &base->id, error))
        return false;
    return base->id || (rl_base_require_unwritten(base, error) &&
                        rl_image_id_ensure(base->fd, &base->id, error));
}

RlBase *
rl_base_open(const RlVolume *volume, GError **error)
{
    g_autoptr(RlVolume) source = NULL;
    const RlVolume *from = base_volume(volume, &source, error);
    g_autoptr(RlBase) base = g_new0(RlBase, 1);
    g_autoptr(GError) cause = NULL;

    base->fd = -1;
    if (!from)
        return NULL;
    base->fd = rl_volume_open_image(from, from->clean_file, &cause);
    if (rl_error_is_errno(cause, ENOENT)) {
        refuse_imageless(from, error);
        return NULL;
    }
    if (cause)
        g_propagate_error(error, g_steal_pointer(&cause));
    base->volume = g_strdup(from->name->volume);
    base->file = g_strdup(from->clean_file);
    if (base->fd < 0 || !rl_torn_require_none(base->volume, base->file, base->fd, error) ||
        !get_identity(base, error))
        return NULL;
    if (fstat(base->fd, &base->st) < 0) {
        rl_fail_errno(error, errno, "cannot examine the clean image of volume '%s'",
                      from->name->volume);
        return NULL;
    }
    return g_steal_pointer(&base);
}

void
rl_base_close(RlBase *base)
{
    if (!base)
        return;
    rl_fd_close(&base->fd);
    g_free(base->id);
    g_free(base->volume);
    g_free(base->file);
    g_free(base);
}

bool
rl_base_require_unwritten(const RlBase *base, GError **error)
{
    return rl_clean_require_unwritten(base->volume, base->file, base->fd, RL_CLEAN_PATIENCE_MS,
                                      error);
}

bool
rl_base_is_current(const RlBase *base, const RlVolume *volume)
{
    g_autoptr(RlVolume) source = NULL;
    const RlVolume *from = base_volume(volume, &source, NULL);
    g_autofree char *id = NULL;

    /* A direct volume's run writes to the same file; its end gives that another id, whatever the
     * domain did to the dates. */
    return from && rl_stat_same(&from->clean.st, &base->st) &&
           from->clean.st.st_nlink == base->st.st_nlink &&
           from->clean.st.st_size == base->st.st_size &&
           rl_stat_same_date(&from->clean.st, &base->st) && rl_image_id_get(base->fd, &id, NULL) &&
           g_strcmp0(id, base->id) == 0 && !rl_lease_has_writer(base->fd);
}

uint64_t
rl_dirty_size(const RlVolume *volume, const RlBase *base)
{
    /* Of other kinds the clean image tells; it may have been made smaller than it was recorded. */
    return rl_capacity_round(MAX((uint64_t) base->st.st_size,
                                 volume->kind == RL_KIND_SNAPSHOT ? volume->record->capacity : 0));
}

bool
rl_dirty_is_unwritten(const RlVolume *volume, const RlBase *base, const struct stat *st)
{
    return (uint64_t) st->st_size == rl_dirty_size(volume, base) &&
           rl_stat_same_date(st, &base->st);
}

bool
rl_dirty_dates_are_true(const char *driver)
{
    return strcmp(driver, "qemu") != 0 && strcmp(driver, RL_OWNER_BY_HAND) != 0;
}

/* *@ret_shares says whether it is a reflink. */
static bool
fill(int fd, const RlVolume *volume, const RlBase *base, bool *ret_shares, GError **error)
{
    const RlCopyWatch watch = {.progress = volume->pool->progress};
    g_autoptr(GError) cause = NULL;

    *ret_shares = rl_reflink(base->fd, fd, &cause);
    if (*ret_shares)
        return true;
    if (volume->pool->options->fallback_copy &&
        g_error_matches(cause, RL_ERROR, RL_ERROR_UNSUPPORTED))
        return rl_stable_copy(base->fd, fd, &watch, error);
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_dirty_finish(int fd, const RlVolume *volume, const RlBase *base, bool shares, GError **error)
{
    uint64_t size = rl_dirty_size(volume, base);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, base->st.st_mtim};

    if (!rl_limit_allows_size(fd, size, error))
        return false;
    if (size > (uint64_t) base->st.st_size && ftruncate(fd, (off_t) size) < 0)
        return rl_fail_file(error, errno, fd, "cannot set the size of");
    if (!rl_image_base_set(fd, base->id, &base->st, error) ||
        !rl_image_made_set(fd, base->fd, shares, error))
        return false;
    if (futimens(fd, times) < 0)
        return rl_fail_file(error, errno, fd, "cannot set the modification time of");
    return true;
}

static bool
set_up(int fd, const RlVolume *volume, const RlBase *base, GError **error)
{
    bool shares;

    return rl_access_copy(base->fd, fd, error) && fill(fd, volume, base, &shares, error) &&
           rl_dirty_finish(fd, volume, base, shares, error);
}

int
rl_dirty_make(const RlVolume *volume, const RlBase *base, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    rl_autofd int fd = rl_tmpfile_open_for(volume->dir, volume->dirty_file, &access, error);

    if (fd < 0 || !set_up(fd, volume, base, error)) {
        rl_tmpfile_discard(fd, volume->dir);
        g_prefix_error(error, "volume '%s': ", volume->name->volume);
        return -1;
    }
    return rl_fd_steal(&fd);
}

int
rl_dirty_make_empty(const RlVolume *volume, uint64_t capacity, GError **error)
{
    rl_autofd int fd =
        rl_tmpfile_open_for(volume->dir, volume->dirty_file, &volume->record->access, error);

    capacity = rl_capacity_round(capacity);
    bool sized = fd >= 0 && rl_limit_allows_size(fd, capacity, error) &&
                 (ftruncate(fd, (off_t) capacity) == 0 ||
                  rl_fail_file(error, errno, fd, "cannot set the size of"));
    if (fd >= 0 && !sized) {
        rl_tmpfile_discard(fd, volume->dir);
        rl_fd_close(&fd);
    }
    if (fd < 0)
        g_prefix_error(error, "volume '%s': ", volume->name->volume);
    return rl_fd_steal(&fd);
}

/* Of a direct volume that runs: the note is on its dirty image, which may be @fd itself. */
static bool
give_noted_access(const RlVolume *volume, int fd, GError **error)
{
    RlAccess access;
    struct stat st;

    if (fstat(fd, &st) == 0 && volume->dirty.there && rl_stat_same(&st, &volume->dirty.st))
        return rl_access_put_back(fd, error);
    return !rl_access_noted(volume->dir, volume->dirty_file, &access) ||
           rl_access_set(fd, &access, error);
}

bool
rl_dirty_give_access(const RlVolume *volume, int fd, GError **error)
{
    g_autoptr(RlVolume) source = NULL;
    const RlVolume *from = volume;

    if (volume->kind == RL_KIND_VOLATILE)
        return rl_access_set(fd, &volume->record->access, error);
    if (volume->kind == RL_KIND_SNAPSHOT)
        from = source = rl_volume_open(volume->pool, volume->record->source, NULL);
    if (volume->kind == RL_KIND_DIRECT && !volume->clean.there)
        return give_noted_access(volume, fd, error);
    if (!from || !from->clean.there)
        return true;
    rl_autofd int clean = rl_volume_open_image(from, from->clean_file, error);
    return clean >= 0 && rl_access_copy(clean, fd, error);
}

char *
rl_dirty_remember(const RlVolume *volume, int fd)
{
    char *text;

    if (volume->kind != RL_KIND_DIRECT || !rl_xattr_get(fd, RL_ATTR_ACCESS, &text, NULL))
        return NULL;
    return text;
}

/* What an end that failed before it began has not taken off stays as it is. */
static bool
put_back(int fd, const RlImageOwner *run, const char *remembered, GError **error)
{
    g_autoptr(RlImageOwner) noted = NULL;
    bool set;

    return (!run || (rl_image_owner_get(fd, &noted, NULL) && noted) ||
            rl_image_owner_put_back(fd, run, error)) &&
           (!remembered || rl_xattr_set_new(fd, RL_ATTR_ACCESS, remembered, &set, error));
}

void
rl_dirty_give_back(const RlVolume *volume, int fd, const RlImageOwner *run, const char *remembered)
{
    g_autoptr(GError) error = NULL;
    struct stat st;
    bool there;

    if (!rl_dirfd_stat(volume->dir, volume->dirty_file, &there, &st, &error) ||
        (there && rl_stat_same(&st, &volume->dirty.st) && !put_back(fd, run, remembered, &error)))
        rl_log_warning("volume '%s': domain '%s' is no longer recorded as the owner of '%s': %s",
                       volume->name->volume, run ? run->name : "unknown", volume->dirty_file,
                       error->message);
}

/* The kernel reports a failed write once: after this the dirty image may be less than the guest
 * believes. */
bool
rl_dirty_sync(const RlVolume *volume, int fd, GError **error)
{
    if (fsync(fd) == 0)
        return true;

    int saved_errno = errno;
    g_autoptr(GError) cause = NULL;
    bool marked = rl_suspect_mark(fd, &cause);
    const char *said = marked ? "is now marked suspect" : "cannot be marked suspect: ";
    const char *why = marked ? "" : cause->message;
    rl_log_warning("volume '%s': cannot sync '%s': %s. The image %s%s", volume->name->volume,
                   volume->dirty_file, g_strerror(saved_errno), said, why);
    return rl_fail_errno(error, saved_errno, "volume '%s': cannot sync its dirty image, which %s%s",
                         volume->name->volume, said, why);
}
