/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What guests do, and clients that upload. */
#include "steps.h"

#include "common/base/autofd.h"
#include "common/fs/dirfd.h"
#include "common/image/dirty-image.h"
#include "common/operation/precache.h"
#include "common/operation/upload-writer.h"
#include "common/operation/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <time.h>

/* --- Uploads */

static bool
upload(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_own_pool(site, error);
    g_autoptr(RlStagedImage) staged = pool ? rl_upload_begin(pool, step->volume, error) : NULL;

    return staged && rl_model_write(staged->fd, step->size, step->tag, error) &&
           (fsync(staged->fd) == 0 || rl_fail_errno(error, errno, "cannot sync an upload")) &&
           rl_upload_commit(staged, 1000, error);
}

/* What whoever commits an edit does when nobody waits any more. */
static bool
upload_sync(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_find(pool, step->volume, error) : NULL;

    return volume && rl_volume_sync(volume, error);
}

/* As libvirt's event loop does: it comes again when there is room. */
static bool
put(RlUploadWriter *writer, const char *data, size_t size, GError **error)
{
    rl_autofd int room = rl_upload_writer_room(writer, error);

    for (;;) {
        RlWriterAnswer answer =
            room < 0 ? RL_WRITER_FAILED : rl_upload_writer_put(writer, data, size, error);
        if (answer != RL_WRITER_WAIT)
            return answer == RL_WRITER_TAKEN;
        struct pollfd wait = {room, POLLOUT, 0};
        poll(&wait, 1, 10);
    }
}

/* The bytes of @tag, owned by the caller. */
static char *
bytes_of(const Site *site, const Step *step, GError **error)
{
    g_autofree char *data = g_malloc0(step->size);

    site_pause(site);
    int content = memfd_create("content", MFD_CLOEXEC);
    bool done = rl_model_write(content, step->size, step->tag, error) &&
                (pread(content, data, step->size, 0) == (ssize_t) step->size ||
                 rl_fail_errno(error, errno, "cannot read what is to be uploaded"));
    close(content);
    site_resume(site);
    return done ? g_steal_pointer(&data) : NULL;
}

static RlUploadWriter *
stream_begin(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_own_pool(site, error);
    RlStagedImage *staged = pool ? rl_upload_begin(pool, step->volume, error) : NULL;

    return staged ? rl_upload_writer_new(staged, 0, 0, error) : NULL;
}

/* All of it, but a hole for one of the blocks that are holes anyhow. */
static bool
put_all(RlUploadWriter *writer, const char *data, const Step *step, GError **error)
{
    size_t hole = 2 * RL_MODEL_BLOCK, behind = hole + RL_MODEL_BLOCK;

    g_assert_true(rl_model_block_is_hole(2) && step->size > behind);
    return put(writer, data, hole, error) &&
           rl_upload_writer_put_hole(writer, RL_MODEL_BLOCK, error) &&
           put(writer, data + behind, step->size - behind, error);
}

/* One that has failed is committed all the same: that fails, too. */
static bool
stream(Site *site, const Step *step, GError **error)
{
    g_autofree char *data = bytes_of(site, step, error);
    RlUploadWriter *writer = data ? stream_begin(site, step, error) : NULL;

    if (writer)
        put_all(writer, data, step, NULL);
    return writer && rl_upload_writer_commit(writer, 1000, error);
}

static bool
stream_aborted(Site *site, const Step *step, GError **error)
{
    g_autofree char *data = bytes_of(site, step, error);
    RlUploadWriter *writer = data ? stream_begin(site, step, error) : NULL;
    bool done = writer && put_all(writer, data, step, error);

    if (writer)
        rl_upload_writer_end(writer);
    return done;
}

/* The last that the writer's thread does is the precache. */
static bool
stream_end(Site *site, const Step *step, GError **error)
{
    for (int i = 0; i < 3000; i++) {
        g_autoptr(RlVolume) volume = rl_volume_find(site->pool, step->volume, error);
        g_autoptr(RlBase) base = volume ? rl_base_open(volume, error) : NULL;
        rl_autofd int fd = -1;
        if (!base || rl_precache_is_valid(volume, base, &fd))
            return base != NULL;
        g_usleep(10 * 1000);
    }
    return rl_fail(error, RL_ERROR_BUSY, "the upload's thread does not end");
}

/* --- Guests, and time */

static bool
write_all(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_model_fill(pool, step->volume, step->tag, error);
}

/* The kernel writes out the first half of what the guest wrote, of its own accord. */
static bool
write_back(Site *site, const Step *step, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_DIRTY, O_RDWR, error);
    unsigned flags =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

    return fd >= 0 && (sync_file_range(fd, 0, lseek(fd, 0, SEEK_END) / 2, flags) == 0 ||
                       rl_fail_errno(error, errno, "cannot write back"));
}

static bool
sync_dirty(Site *site, const Step *step, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_DIRTY, O_RDWR, error);

    return fd >= 0 && (fsync(fd) == 0 || rl_fail_errno(error, errno, "cannot sync"));
}

/* @tag seconds pass since the last commit, or a minute: now it can be told whether a run writes. Of
 * the dirty image, where that is it: it is not of this moment. */
static bool
date_back(Site *site, const Step *step, GError **error)
{
    RlFileRole role = step->action == &act_date_dirty ? RL_FILE_DIRTY : RL_FILE_CLEAN;
    rl_autofd int fd = site_open(site, step->volume, role, O_RDONLY, error);
    time_t ago = step->tag ? (time_t) step->tag : 60;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {time(NULL) - ago, 123456789}};

    /* A clean image that has another date after a power cut is one that was edited. */
    return fd >= 0 && ((futimens(fd, times) == 0 && (role == RL_FILE_DIRTY || fsync(fd) == 0)) ||
                       rl_fail_errno(error, errno, "cannot date an image"));
}

const Action act_upload = {"upload", upload, STEP_DROPS},
             act_upload_sync = {"upload's sync", upload_sync, STEP_NAMES},
             act_stream = {"stream", stream, STEP_DROPS},
             act_stream_aborted = {"stream, aborted", stream_aborted, STEP_DROPS},
             act_stream_end = {"stream's end", stream_end, STEP_NAMES},
             act_write = {"guest writes", write_all, 0},
             act_write_back = {"half is written back", write_back, 0},
             act_sync = {"guest syncs", sync_dirty, STEP_DATA},
             act_date_back = {"a minute passes", date_back, 0},
             act_date_dirty = {"time passes", date_back, 0};
