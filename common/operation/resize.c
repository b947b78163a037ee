/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "resize.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "before-edit.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/format/image-id.h"
#include "common/fs/dirfd.h"
#include "common/fs/file-error.h"
#include "common/fs/file-size-limit.h"
#include "common/fs/loop-device.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"
#include "common/image/dirty-image.h"
#include "common/image/new-revision.h"
#include "common/pool/capacity.h"
#include "common/pool/volume-state.h"
#include "reshape-clean.h"

static void
warn_of_allocation(int fd, int code)
{
    g_autofree char *label = rl_file_label(fd);

    rl_log_warning("cannot free the space that was allocated to %s in vain: %s", label,
                   g_strerror(code));
}

/* What a full disk still had room for would stay allocated beyond the end. */
static bool
allocate_blocks(int fd, uint64_t capacity)
{
    struct stat st;

    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t) capacity) == 0)
        return true;

    int saved_errno = errno;
    if (fstat(fd, &st) < 0 || ftruncate(fd, st.st_size) < 0)
        warn_of_allocation(fd, errno);
    errno = saved_errno;
    return false;
}

static bool
set_size(int fd, const RlVolume *volume, uint64_t capacity, bool allocate, GError **error)
{
    if (!rl_limit_allows_size(fd, capacity, error)) {
        g_prefix_error(error, "volume '%s': ", volume->name->volume);
        return false;
    }
    /* Blocks first: if the disk is full nothing has changed. */
    if (allocate && !allocate_blocks(fd, capacity))
        return rl_fail_errno(error, errno,
                             "volume '%s': cannot allocate %" G_GUINT64_FORMAT " bytes",
                             volume->name->volume, capacity);
    if (ftruncate(fd, (off_t) capacity) < 0)
        return rl_fail_errno(error, errno,
                             "volume '%s': cannot change its size to %" G_GUINT64_FORMAT " bytes",
                             volume->name->volume, capacity);
    return true;
}

static bool
require_resizable(const RlVolume *volume, GError **error)
{
    g_autofree char *below = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    RlState state;

    if (!rl_state_get_below(volume, &state, &run, &below, error))
        return false;
    if (state == RL_STATE_SAVED || state == RL_STATE_SUSPECT || state == RL_STATE_FOREIGN)
        return rl_state_require_idle(volume, "resized", error);
    /* Also while its domain runs on the overlay. */
    if (below)
        return rl_state_refuse_below(volume, "resized", below, error);
    return state != RL_STATE_ORPHAN || rl_state_require_clean(volume, error);
}

/* What a snapshot is made of must have room in it. */
static bool
require_room_for_source(const RlVolume *volume, uint64_t capacity, GError **error)
{
    g_autoptr(RlVolume) source = NULL;

    if (volume->kind != RL_KIND_SNAPSHOT)
        return true;
    source = rl_volume_open(volume->pool, volume->record->source, error);
    if (!source)
        return false;
    if (!source->clean.there || capacity >= (uint64_t) source->clean.st.st_size)
        return true;
    return rl_fail(
        error, RL_ERROR_INVALID,
        "volume '%s' is a snapshot of '%s' and cannot be smaller than its source (%lld bytes)",
        volume->name->volume, source->name->volume, (long long) source->clean.st.st_size);
}

/* The caller has the lock. */
static bool
record_size(const RlVolume *volume, uint64_t capacity, GError **error)
{
    g_autoptr(RlRecord) record = rl_record_new(volume->kind, volume->record->source, capacity);

    record->access = volume->record->access;
    g_autofree char *text = volume->pool->documents->record_format(record, volume->name->volume);
    if (!rl_tmpfile_write(volume->dir, volume->record_file, text, 0600, error))
        return false;
    rl_volume_log(volume, "recorded a size of %" G_GUINT64_FORMAT " bytes", capacity);
    return true;
}

/* The dirty image of these kinds does not outlive its run: only the record can keep a new size,
 * however that run ends, be it by a crash or by a start that is put back. */
static bool
has_recorded_size(const RlVolume *volume)
{
    return volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE;
}

static bool
wish_size(int fd, const RlVolume *volume, uint64_t capacity, GError **error)
{
    bool must_be_durable = volume->clean.there && capacity < (uint64_t) volume->clean.st.st_size;

    return rl_xattr_set_number(fd, RL_ATTR_SIZE, capacity, error) &&
           (!must_be_durable || rl_dirty_sync(volume, fd, error)) &&
           (!has_recorded_size(volume) || record_size(volume, capacity, error));
}

/* The image did not become smaller: nor is it to be the next time. */
static void
take_wish_back(const RlVolume *volume)
{
    g_autoptr(GError) cause = NULL;

    if (has_recorded_size(volume) && !record_size(volume, volume->record->capacity, &cause))
        rl_log_warning(
            "volume '%s': its new, smaller size stays recorded, although it was not resized: %s",
            volume->name->volume, cause->message);
}

/* It has grown already: what the next start cannot be told is taken back. */
static bool
note_growth(int fd, const RlVolume *volume, uint64_t capacity, GError **error)
{
    if (has_recorded_size(volume) && !record_size(volume, capacity, error)) {
        if (ftruncate(fd, volume->dirty.st.st_size) < 0)
            rl_log_warning(
                "volume '%s': '%s' stays larger, although the volume was not resized: %s",
                volume->name->volume, volume->dirty_file, g_strerror(errno));
        return false;
    }
    rl_xattr_set_number(fd, RL_ATTR_SIZE, capacity, NULL);
    return true;
}

/* The caller has the lock. *@ret_fd is the dirty image, owned by the caller, who makes it durable
 * without. */
static bool
resize_dirty(const RlVolume *volume, uint64_t capacity, bool allocate, int *ret_fd, GError **error)
{
    if (!require_resizable(volume, error) || !rl_state_require_unlinked(volume, error) ||
        !require_room_for_source(volume, capacity, error))
        return false;

    rl_autofd int fd = rl_dirfd_open_file(volume->dir, volume->dirty_file, O_RDWR, error);
    g_autoptr(RlImageOwner) run = NULL;
    bool shrinks = capacity < (uint64_t) volume->dirty.st.st_size;

    if (fd < 0 || !rl_image_owner_get(fd, &run, error) ||
        !rl_image_owner_expect_change(fd, run, error))
        return false;
    /* An image that is smaller than was wished for is taken for damage. So the wish comes before
     * the deed that makes it smaller. The one that makes it larger comes first, since it can fail,
     * and nothing has changed then; if it cannot be noted, an older and smaller wish stays. */
    if (shrinks && !wish_size(fd, volume, capacity, error))
        return false;
    if (!set_size(fd, volume, capacity, allocate, error)) {
        if (shrinks)
            take_wish_back(volume);
        return false;
    }
    if (!shrinks && !note_growth(fd, volume, capacity, error))
        return false;
    rl_volume_log(volume, "resized %s to %" G_GUINT64_FORMAT " bytes", volume->dirty_file,
                  capacity);
    *ret_fd = rl_fd_steal(&fd);
    return true;
}

typedef struct {
    uint64_t capacity;
    bool allocate;
} Wish;

/* What takes no time, with the lock; *@ret_done is false where a new clean image is needed. */
static bool
resize_at_once(RlVolume *volume, const Wish *wish, bool *ret_done, int *ret_fd, GError **error)
{
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "resize", error);

    if (!lock)
        return false;
    if (!rl_volume_exists(volume))
        return rl_fail(error, RL_ERROR_NOT_FOUND,
                       "volume '%s' cannot be resized: it was deleted meanwhile",
                       volume->name->volume);
    *ret_done = true;
    if (volume->dirty.there)
        return resize_dirty(volume, wish->capacity, wish->allocate, ret_fd, error);
    if (!volume->clean.there)
        return require_room_for_source(volume, wish->capacity, error) &&
               record_size(volume, wish->capacity, error);
    *ret_done = false;
    return rl_state_require_no_base(volume, "resized", error);
}

static bool
reshape(int fd, const RlBase *base, const RlVolume *volume, void *data, GError **error)
{
    const Wish *wish = data;

    (void) base;
    return set_size(fd, volume, wish->capacity, wish->allocate, error);
}

/* Makes the new clean image: the lock is taken only to put it in place. */
static bool
resize_clean(RlVolume *volume, Wish *wish, bool *ret_done, GError **error)
{
    const RlReshape how = {
        .purpose = "resize", .what = "resized", .reshape = reshape, .data = wish};

    if (!rl_reshape_clean(volume, &how, ret_done, error))
        return false;
    if (*ret_done)
        rl_volume_log(volume, "replaced %s by one of %" G_GUINT64_FORMAT " bytes",
                      volume->clean_file, wish->capacity);
    return true;
}

bool
rl_volume_resize(const RlPool *pool, const char *name, uint64_t capacity, bool allocate,
                 GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);

    if (!volume)
        return false;
    Wish wish = {rl_capacity_round_for(volume->name->volume, capacity), allocate};
    for (int i = 0; i < 8; i++) {
        rl_autofd int dirty = -1;
        bool done = false;
        /* Also of who was waited for. */
        if (!rl_edit_require_kept(volume, error) ||
            !resize_at_once(volume, &wish, &done, &dirty, error))
            return false;
        if (dirty >= 0 &&
            (!rl_dirty_sync(volume, dirty, error) || !rl_loop_update_size(dirty, error)))
            return false;
        if (!done && !resize_clean(volume, &wish, &done, error))
            return false;
        if (done) {
            rl_volume_event(volume, "resized", 0, "resized to %" G_GUINT64_FORMAT " bytes",
                            wish.capacity);
            return true;
        }
    }
    return rl_fail(error, RL_ERROR_BUSY,
                   "volume '%s' cannot be resized: its images keep changing. Try again", name);
}
