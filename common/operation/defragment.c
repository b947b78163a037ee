/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "defragment.h"

#include <errno.h>
#include <sys/stat.h>

#include "before-edit.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-layer.h"
#include "common/fs/defragment-copy.h"
#include "common/fs/fragmentation.h"
#include "common/fs/inode.h"
#include "common/fs/readers.h"
#include "common/fs/settle-frees.h"
#include "common/image/temporary-files.h"
#include "common/image/torn-copy.h"
#include "common/pool/volume-state.h"
#include "common/pool/writers.h"
#include "maintenance-turn.h"
#include "reshape-clean.h"

#define WHAT "defragmented"

/* One call. */
typedef struct {
    const RlPool *pool;
    const char *name;
    const RlDefragment *how;
    struct stat st; /* of the clean image that was planned for */
    RlDefragmentPlan plan;
    RlDefragmented *found;
} Work;

static void
work_clear(Work *work)
{
    rl_defragment_plan_clear(&work->plan);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

static bool
require_clean_image(const RlVolume *volume, GError **error)
{
    if (volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "volume '%s' cannot be " WHAT ": it is a %s volume, and has no image while "
                       "it is stopped",
                       volume->name->volume,
                       volume->kind == RL_KIND_SNAPSHOT ? "snapshot" : "volatile");
    if (volume->clean.there)
        return true;
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be " WHAT
                   ": it has no clean image. 'virt-reflink check' says what to do",
                   volume->name->volume);
}

static bool
require_at_rest(const RlVolume *volume, GError **error)
{
    if (!rl_volume_exists(volume))
        return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'",
                       volume->name->volume, volume->pool->path);
    return rl_state_require_idle(volume, WHAT, error) &&
           (!volume->dirty.there ||
            rl_state_refuse_left(volume, " that was not committed", error)) &&
           require_clean_image(volume, error);
}

static bool
require_no_layer(const RlVolume *volume, int fd, GError **error)
{
    bool is_layer;

    if (!rl_image_is_layer(fd, &is_layer, error))
        return false;
    return !is_layer ||
           rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be " WHAT
                   ": a domain was started on an overlay (an external "
                   "snapshot) above its clean image, and may need that very file. Merge the "
                   "overlay ('virsh blockcommit'), and run and stop a domain on the volume",
                   volume->name->volume);
}

/* When such a domain is saved, the inode that it reads is looked for. */
static bool
require_no_reader(const RlVolume *volume, int fd, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot examine its clean image",
                             volume->name->volume);
    return !rl_readers_are_noted(st.st_dev, st.st_ino) ||
           rl_fail(error, RL_ERROR_BUSY,
                   "volume '%s' cannot be " WHAT
                   ": a running domain reads its clean image. Shut down that domain first",
                   volume->name->volume);
}

/* Opens the clean image, of which nothing else shares all blocks any more; -1 with @error. */
static int
prepare(const Work *work, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(work->pool, work->name, error);
    rl_autofd int fd = -1;

    if (!volume || !rl_edit_require_kept(volume, error))
        return -1;
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "defragment", error);
    if (!lock || !require_at_rest(volume, error))
        return -1;
    fd = rl_volume_open_image(volume, volume->clean_file, error);
    if (fd < 0 || !rl_torn_require_none(volume->name->volume, volume->clean_file, fd, error) ||
        !rl_defragment_supported(fd, error) || !require_no_layer(volume, fd, error) ||
        !require_no_reader(volume, fd, error))
        return -1;
    /* It may have the state before an edit that is under way. */
    if (!rl_clean_require_unwritten(volume->name->volume, volume->clean_file, fd, 0, error) ||
        !rl_edit_require_none(volume, error) || !rl_file_drop(volume, volume->precache_file, error))
        return -1;
    g_clear_pointer(&lock, rl_lock_release);
    rl_volume_sweep(volume);
    rl_settle_frees(volume->dir);
    return rl_fd_steal(&fd);
}

static bool
make_plan(Work *work, const RlProgress *progress, GError **error)
{
    rl_autofd int fd = prepare(work, error);

    *work->found = (RlDefragmented){0};
    if (fd < 0)
        return false;
    if (fstat(fd, &work->st) < 0)
        return rl_fail_errno(error, errno, "volume '%s': cannot examine its clean image",
                             work->name);
    if (!rl_defragment_plan(fd, &work->how->rule, progress, &work->plan, error)) {
        rl_error_about(error, "volume", work->name);
        return false;
    }
    work->found->plan = work->plan;
    work->found->plan.ranges = NULL;
    work->found->ranges = work->plan.ranges->len;
    return true;
}

bool
rl_volume_defragment_plan(const RlPool *pool, const char *name, const RlDefragment *how,
                          RlDefragmented *ret_found, GError **error)
{
    g_auto(Work) work = {.pool = pool, .name = name, .how = how, .found = ret_found};
    g_autoptr(RlLock) turn = rl_maintenance_turn(pool, name, error);

    return turn && make_plan(&work, &how->progress, error);
}

static bool
is_planned_for(const Work *work, const struct stat *st)
{
    return rl_stat_same(st, &work->st) && st->st_size == work->st.st_size &&
           rl_stat_same_date(st, &work->st);
}

/* A domain that has started, or has been stopped since, must not wait for what is in vain. */
static bool
go_on(void *data)
{
    const Work *work = data;
    g_autoptr(RlVolume) volume = rl_volume_open(work->pool, work->name, NULL);

    return volume && volume->clean.there && !volume->dirty.there &&
           is_planned_for(work, &volume->clean.st);
}

static bool
refuse_changed(const Work *work, GError **error)
{
    return rl_fail(error, RL_ERROR_BUSY,
                   "volume '%s' cannot be " WHAT ": it was started or changed meanwhile. Its image "
                   "stays as it was. Try again while it is stopped",
                   work->name);
}

/* A disk that fills up meanwhile would stop the guests of other volumes. */
static bool
require_space(const Work *work, GError **error)
{
    uint64_t capacity, available;

    if (!rl_pool_space(work->pool, &capacity, &available, error))
        return false;
    return available > work->plan.bytes ||
           rl_fail_errno(
               error, ENOSPC,
               "volume '%s' cannot be " WHAT ": %" G_GUINT64_FORMAT
               " bytes of the file system have to be free meanwhile, and %" G_GUINT64_FORMAT " are",
               work->name, work->plan.bytes, available);
}

/* Else it would only take space. */
static bool
require_better(const Work *work, int fd, GError **error)
{
    RlFragmentation now;

    if (!rl_fragmentation_get(fd, NULL, &now, error))
        return false;
    if (now.extents >= work->plan.extents)
        return rl_fail(error, RL_ERROR_STATE,
                       "volume '%s' cannot be " WHAT ": the free space of the file system is "
                       "fragmented as well. Free some space, and try again",
                       work->name);
    work->found->after = now.extents;
    return true;
}

static bool
reshape(int fd, const RlBase *base, const RlVolume *volume, void *data, GError **error)
{
    Work *work = data;
    const RlDefragmentCopy copy = {
        .plan = &work->plan, .progress = work->how->progress, .go_on = go_on, .data = work};
    g_autoptr(GError) cause = NULL;

    if (!is_planned_for(work, &base->st))
        return refuse_changed(work, error);
    if (rl_defragment_copy(&copy, base->fd, fd, &cause))
        return require_better(work, fd, error);
    if (rl_error_is_errno(cause, ECANCELED))
        return refuse_changed(work, error);
    g_propagate_prefixed_error(error, g_steal_pointer(&cause), "volume '%s' cannot be " WHAT ": ",
                               volume->name->volume);
    return false;
}

bool
rl_volume_defragment(const RlPool *pool, const char *name, const RlDefragment *how,
                     RlDefragmented *ret_found, GError **error)
{
    g_auto(Work) work = {.pool = pool, .name = name, .how = how, .found = ret_found};
    g_autoptr(RlLock) turn = rl_maintenance_turn(pool, name, error);
    bool done;

    if (!turn || !make_plan(&work, NULL, error))
        return false;
    if (work.plan.ranges->len == 0)
        return true;
    const RlReshape reshaping = {.purpose = "defragment",
                                 .what = "defragmented",
                                 .reshape = reshape,
                                 .data = &work,
                                 .same_state = true};
    g_autoptr(RlVolume) volume =
        require_space(&work, error) ? rl_volume_find(pool, name, error) : NULL;
    if (!volume || !rl_reshape_clean(volume, &reshaping, &done, error))
        return false;
    if (!done)
        return refuse_changed(&work, error);
    rl_volume_event(volume, "defragmented", 0,
                    "defragmented: %" G_GUINT64_FORMAT " extents became %" G_GUINT64_FORMAT,
                    work.plan.extents, ret_found->after);
    return true;
}
