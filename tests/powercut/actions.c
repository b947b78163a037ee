/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a step of the story does: one call of the engine each, or what a guest does. */
#include "story.h"

#include "model/model.h"

#include "common/base/autofd.h"
#include "common/fs/dirfd.h"
#include "common/image/content.h"
#include "common/image/dirty-image.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/staged-image.h"
#include "common/operation/start.h"
#include "common/operation/stop.h"
#include "common/operation/upload-writer.h"
#include "common/operation/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const RlDomainRef *
owner_of(const Step *step)
{
    return step->owner ? step->owner : &alice;
}

/* --- Volumes */

static bool
build(Story *story, const Step *step, GError **error)
{
    (void) step;
    if (!rl_model_build(story->pool_path, 3, error))
        return false;
    story->pool = rl_model_pool(story->pool_path, error);
    return story->pool != NULL;
}

static bool
set_options(Story *story, const Step *step, GError **error)
{
    g_autoptr(RlOptions) options = rl_options_copy(story->pool->options);

    options->keep = step->wanted;
    return rl_pool_set_options(story->pool, options, error);
}

static bool
create(Story *story, const Step *step, GError **error)
{
    return rl_model_create(story->pool_path, step->volume, (RlKind) step->wanted, step->other,
                           step->tag, step->size, error);
}

/* A draft of @name with the content of @from. */
static RlStagedImage *
draft_from(Story *story, const char *name, const char *from, GError **error)
{
    RlPool *pool = rl_model_pool(story->pool_path, error);
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlStagedImage) draft = pool ? rl_staged_new(pool, name, &access, error) : NULL;
    rl_autofd int fd = draft ? rl_content_open(story->pool, from, true, error) : -1;

    return fd >= 0 && rl_staged_fill(draft, fd, 0, false, error) ? g_steal_pointer(&draft) : NULL;
}

static bool
make_clone(Story *story, const Step *step, GError **error)
{
    g_autoptr(RlStagedImage) draft = draft_from(story, step->volume, step->other, error);

    return draft && rl_staged_create(draft, NULL, 0, error);
}

static bool
label(Story *story, const Step *step, GError **error)
{
    g_autofree char *name = g_strconcat(step->volume, "@", step->other, NULL);
    g_autoptr(RlStagedImage) draft = draft_from(story, name, step->volume, error);

    return draft && rl_staged_label(draft, error);
}

static bool
revert(Story *story, const Step *step, GError **error)
{
    g_autofree char *name = g_strconcat(step->volume, "@current", NULL);
    g_autoptr(RlStagedImage) draft = draft_from(story, name, step->other, error);

    return draft && rl_staged_replace(draft, error);
}

static bool
resize(Story *story, const Step *step, GError **error)
{
    return rl_volume_resize(story->pool, step->volume, step->size, false, error);
}

static bool
maintain(Story *story, const Step *step, GError **error)
{
    return rl_volume_maintain(story->pool, step->volume, true, error);
}

static bool delete (Story *story, const Step *step, GError **error)
{
    return rl_volume_delete(story->pool, step->volume, true, error);
}

static bool
delete_revision(Story *story, const Step *step, GError **error)
{
    g_autofree char *text = g_strconcat(step->volume, "@", step->other, NULL);
    g_autoptr(RlName) name = rl_name_parse(text, error);

    return name && rl_revision_delete(story->pool, name, error);
}

/* --- Uploads */

static bool
upload(Story *story, const Step *step, GError **error)
{
    RlPool *pool = rl_model_pool(story->pool_path, error);
    g_autoptr(RlStagedImage) draft = pool ? rl_upload_begin(pool, step->volume, error) : NULL;

    return draft && rl_model_write(draft->fd, step->size, step->tag, error) &&
           (fsync(draft->fd) == 0 || rl_fail_errno(error, errno, "cannot sync an upload")) &&
           rl_upload_commit(draft, 1000, error);
}

/* What whoever commits an edit does when nobody waits any more. */
static bool
upload_sync(Story *story, const Step *step, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(story->pool, step->volume, error);

    return volume && rl_volume_sync(volume, error);
}

/* As libvirt's event loop does: it comes again when there is room. */
static bool
put_all(RlUploadWriter *writer, const char *data, size_t size, GError **error)
{
    rl_autofd int room = rl_upload_writer_room(writer, error);
    RlWriterAnswer answer = RL_WRITER_WAIT;

    while (room >= 0 && answer == RL_WRITER_WAIT) {
        struct pollfd poll_for = {.fd = room, .events = POLLOUT};
        poll(&poll_for, 1, -1);
        answer = rl_upload_writer_put(writer, data, size, error);
    }
    return answer == RL_WRITER_TAKEN;
}

static bool
stream(Story *story, const Step *step, GError **error)
{
    RlPool *pool = rl_model_pool(story->pool_path, error);
    RlStagedImage *draft = pool ? rl_upload_begin(pool, step->volume, error) : NULL;
    RlUploadWriter *writer = draft ? rl_upload_writer_new(draft, 0, 0, error) : NULL;
    g_autofree char *data = g_malloc0(step->size);
    rl_autofd int content = memfd_create("content", MFD_CLOEXEC);

    if (!writer)
        return false;
    if (!rl_model_write(content, step->size, step->tag, error) ||
        pread(content, data, step->size, 0) != (ssize_t) step->size ||
        !put_all(writer, data, step->size, error)) {
        rl_upload_writer_end(writer);
        return false;
    }
    return rl_upload_writer_commit(writer, 1000, error);
}

/* The last that the writer's thread does is the precache. */
static bool
stream_end(Story *story, const Step *step, GError **error)
{
    for (int i = 0; i < 3000; i++) {
        g_autoptr(RlVolume) volume = rl_volume_find(story->pool, step->volume, error);
        g_autoptr(RlBase) base = volume ? rl_base_open(volume, error) : NULL;
        rl_autofd int fd = -1;
        if (!base || rl_precache_is_valid(volume, base, &fd))
            return base != NULL;
        g_usleep(10 * 1000);
    }
    return rl_fail(error, RL_ERROR_BUSY, "the upload's thread does not end");
}

/* --- Domains */

static bool
start(Story *story, const Step *step, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(story->pool, step->volume, owner_of(step),
                                                   (RlStartFlags) step->wanted, error);

    return started != NULL;
}

/* Another volume of the domain could not be started. */
static bool
unstart(Story *story, const Step *step, GError **error)
{
    RlStarted started = {.volume = (char *) step->volume};

    return rl_volume_unstart(story->pool, &started, owner_of(step), error);
}

static bool
stop(Story *story, const Step *step, GError **error)
{
    RlStop done;

    if (!rl_volume_stop(story->pool, step->volume, owner_of(step), &done, error))
        return false;
    return (int) done == step->wanted ||
           rl_fail(error, RL_ERROR_STATE, "its stop came to %d, not %d", (int) done, step->wanted);
}

static bool
save(Story *story, const Step *step, GError **error)
{
    bool done;

    return rl_volume_save(story->pool, step->volume, owner_of(step), NULL, &done, error) &&
           (done || rl_fail(error, RL_ERROR_STATE, "nothing was saved"));
}

static bool
restore(Story *story, const Step *step, GError **error)
{
    return rl_volume_announce_restore(story->pool, step->volume, owner_of(step), error) &&
           start(story, step, error);
}

static bool
confirm(Story *story, const Step *step, GError **error)
{
    return rl_volume_confirm(story->pool, step->volume, owner_of(step), error);
}

static bool
keep(Story *story, const Step *step, GError **error)
{
    bool done;

    return rl_volume_keep(story->pool, step->volume, owner_of(step), &done, error) &&
           (done || rl_fail(error, RL_ERROR_STATE, "nothing was kept"));
}

static bool
go_on(Story *story, const Step *step, GError **error)
{
    return rl_volume_continue(story->pool, step->volume, error);
}

static bool
discard(Story *story, const Step *step, GError **error)
{
    return rl_volume_discard(story->pool, step->volume, error);
}

/* --- Guests, and time */

static bool
write_all(Story *story, const Step *step, GError **error)
{
    return rl_model_fill(story->pool, step->volume, step->tag, error);
}

static int
open_dirty(Story *story, const Step *step, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(story->pool, step->volume, error);

    return volume ? rl_dirfd_open_file(volume->dir, volume->dirty_file, O_RDWR, error) : -1;
}

/* The kernel writes out the first half of what the guest wrote, of its own accord. */
static bool
write_back(Story *story, const Step *step, GError **error)
{
    rl_autofd int fd = open_dirty(story, step, error);
    unsigned flags =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

    return fd >= 0 && (sync_file_range(fd, 0, lseek(fd, 0, SEEK_END) / 2, flags) == 0 ||
                       rl_fail_errno(error, errno, "cannot write back"));
}

static bool
sync_dirty(Story *story, const Step *step, GError **error)
{
    rl_autofd int fd = open_dirty(story, step, error);

    return fd >= 0 && (fsync(fd) == 0 || rl_fail_errno(error, errno, "cannot sync"));
}

/* A minute passes since the last commit: now it can be told whether a run writes. */
static bool
date_back(Story *story, const Step *step, GError **error)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - 60}};
    g_autoptr(RlVolume) volume = rl_volume_find(story->pool, step->volume, error);

    return volume && (utimensat(volume->dir, volume->clean_file, times, 0) == 0 ||
                      rl_fail_errno(error, errno, "cannot date an image"));
}

const Action act_build = {"build the pool", build, STEP_NAMES},
             act_options = {"options of", set_options, STEP_NAMES},
             act_unstart = {"put back", unstart, STEP_NAMES | STEP_DATA},
             act_create = {"create", create, STEP_NAMES},
             act_clone = {"clone", make_clone, STEP_NAMES},
             act_label = {"label", label, STEP_NAMES}, act_revert = {"revert", revert, STEP_NAMES},
             act_resize = {"resize", resize, STEP_NAMES | STEP_DATA},
             act_maintain = {"maintain", maintain, STEP_DROPS},
             act_delete = {"delete", delete, STEP_NAMES | STEP_DATA | STEP_DROPS},
             act_delete_revision = {"delete revision", delete_revision, STEP_NAMES | STEP_DROPS},
             act_upload = {"upload", upload, STEP_DROPS},
             act_upload_sync = {"upload's sync", upload_sync, STEP_NAMES},
             act_stream = {"stream", stream, STEP_DROPS},
             act_stream_end = {"stream's end", stream_end, STEP_NAMES},
             act_start = {"start", start, STEP_NAMES | STEP_DATA},
             /* What it notes on an image that has no mark is not synced. */
    act_go_on = {"go on with", start, 0}, act_stop = {"stop", stop, STEP_NAMES | STEP_DATA},
             act_save = {"save", save, STEP_NAMES | STEP_DATA},
             act_restore = {"restore", restore, STEP_NAMES | STEP_DATA},
             act_confirm = {"confirm", confirm, 0},
             act_keep = {"keep", keep, STEP_NAMES | STEP_DATA},
             act_continue = {"continue", go_on, STEP_NAMES | STEP_DATA},
             act_discard = {"discard", discard, STEP_NAMES | STEP_DATA},
             act_write = {"guest writes", write_all, 0},
             act_write_back = {"half is written back", write_back, 0},
             act_sync = {"guest syncs", sync_dirty, STEP_DATA},
             act_date_back = {"a minute passes", date_back, 0};
