/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "maintenance.h"
#include "upload.h"

/* So many bytes at most wait for the thread: the caller has to come again less often than once a
 * piece. */
#define QUEUE (1024 * 1024)
/* So many bytes at most are written and not durable: what a finish may have to wait for. */
#define WINDOW (8 * 1024 * 1024)
/* A hole is a change of the file system's own data. */
#define HOLE_COST 65536
/* The file system begins to write after so many: little is left to be waited for. */
#define WRITE_BEHIND (1024 * 1024)
/* After so long without a piece there is time to make them durable. */
#define IDLE_US (50 * G_TIME_SPAN_MILLISECOND)

/* An eventfd that holds this is not writable (eventfd(2)). */
#define NO_ROOM 0xfffffffffffffffeULL

struct RlUploadWriter {
    RlStagedImage *draft;
    int room; /* an eventfd */
    GThread *thread;
    off_t at; /* where the next byte goes; the thread's alone */

    /* Of all that follows. The C library's: the thread sanitizer does not see GLib's. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GByteArray *queue; /* what was taken and is not written */
    bool busy;         /* the thread writes what was in it */
    bool last_put;     /* it has the last piece of the range, which is taken when all is durable */
    off_t hole;        /* bytes that are to become a hole */
    off_t left;        /* bytes that may still be put */
    off_t unsynced;    /* bytes that are written or made a hole, and not durable */
    bool finishing;    /* the caller waits until there are none */
    bool ready;        /* what the draft was begun with is durable */
    bool ended;        /* there is nothing more to come */
    bool committed;    /* and it was for something */
    GError *error;     /* the first; then nothing more is done */
};

static void
set_room(const RlUploadWriter *writer, bool there)
{
    uint64_t value = NO_ROOM;
    ssize_t n = there ? read(writer->room, &value, sizeof(value))
                      : write(writer->room, &value, sizeof(value));

    (void) n; /* EAGAIN: it is so already */
}

static bool
write_piece(const RlUploadWriter *writer, const uint8_t *data, size_t size, GError **error)
{
    for (off_t at = writer->at; size > 0;) {
        ssize_t n = pwrite(writer->draft->fd, data, size, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rl_fail_errno(error, errno, "cannot write to volume '%s'",
                                 writer->draft->name->text);
        data += n;
        size -= (size_t) n;
        at += n;
    }
    return true;
}

/* Most are in what has been a hole before: a new volume is nothing else. */
static bool
punch(const RlUploadWriter *writer, off_t length, GError **error)
{
    off_t data = lseek(writer->draft->fd, writer->at, SEEK_DATA);

    if (data < 0 ? errno == ENXIO : data >= writer->at + length)
        return true;
    if (fallocate(writer->draft->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, writer->at,
                  length) < 0)
        return rl_fail_errno(error, errno, "cannot make a hole in volume '%s'",
                             writer->draft->name->text);
    return true;
}

static bool
make_durable(const RlUploadWriter *writer, GError **error)
{
    if (fdatasync(writer->draft->fd) < 0)
        return rl_fail_errno(error, errno, "cannot write to volume '%s'",
                             writer->draft->name->text);
    return true;
}

/* The caller has the lock. Takes @error over. Who waits for room is to hear of it. */
static void
fail(RlUploadWriter *writer, GError *error)
{
    if (writer->error)
        g_error_free(error);
    else
        writer->error = error;
    set_room(writer, true);
}

/* A hint: an error of it is one of fdatasync(2) as well. */
static void
write_behind(const RlUploadWriter *writer, off_t size)
{
    off_t end = writer->at + size;

    if (end / WRITE_BEHIND != writer->at / WRITE_BEHIND)
        sync_file_range(writer->draft->fd, MAX(end - WRITE_BEHIND, 0), WRITE_BEHIND,
                        SYNC_FILE_RANGE_WRITE);
}

/* Makes all durable, without the lock; called and returns with it. */
static void
sync_all(RlUploadWriter *writer)
{
    GError *error = NULL;

    pthread_mutex_unlock(&writer->lock);
    bool done = make_durable(writer, &error);
    pthread_mutex_lock(&writer->lock);
    writer->unsynced = 0;
    if (!done)
        fail(writer, error);
    pthread_cond_broadcast(&writer->changed);
}

/* Does what there is to do, without the lock; called and returns with it. No piece is taken while a
 * hole waits, so what is queued comes before that. */
static void
do_pending(RlUploadWriter *writer)
{
    g_autoptr(GByteArray) data = NULL;
    off_t hole = writer->queue->len > 0 ? 0 : writer->hole;
    GError *error = NULL;

    if (hole == 0) {
        data = writer->queue;
        writer->queue = g_byte_array_new();
    }
    off_t size = data ? (off_t) data->len : hole;
    off_t unsynced = writer->unsynced + (data ? size : MIN(size, HOLE_COST));
    bool sync = unsynced >= WINDOW || writer->last_put;
    writer->busy = true;
    pthread_mutex_unlock(&writer->lock);
    bool done =
        data ? write_piece(writer, data->data, data->len, &error) : punch(writer, hole, &error);
    if (done && data && !sync)
        write_behind(writer, size);
    done = done && (!sync || make_durable(writer, &error));
    writer->at += size;
    pthread_mutex_lock(&writer->lock);

    writer->busy = false;
    writer->unsynced = sync ? 0 : unsynced;
    writer->hole -= hole;
    if (!done)
        fail(writer, error);
    set_room(writer, true);
    pthread_cond_broadcast(&writer->changed);
}

static void
writer_free(RlUploadWriter *writer)
{
    rl_staged_free(writer->draft);
    if (writer->room >= 0)
        close(writer->room);
    if (writer->thread)
        g_thread_unref(writer->thread);
    pthread_mutex_destroy(&writer->lock);
    pthread_cond_destroy(&writer->changed);
    g_clear_error(&writer->error);
    g_byte_array_unref(writer->queue);
    g_free(writer);
}

/* What is left when the names are there: to make them durable, and to get ready for the next start.
 */
static void
complete(const RlUploadWriter *writer)
{
    const RlStagedImage *draft = writer->draft;
    g_autoptr(GError) error = NULL;

    if (!rl_upload_sync(draft, &error) ||
        !rl_volume_maintain(draft->pool, draft->name->volume, false, &error))
        rl_log_warning("%s: %s", draft->name->volume, error->message);
}

/* False if nothing came in that time. */
static bool
wait_a_little(RlUploadWriter *writer)
{
    gint64 until_us = g_get_monotonic_time() + IDLE_US;
    const struct timespec until = {.tv_sec = until_us / G_USEC_PER_SEC,
                                   .tv_nsec = until_us % G_USEC_PER_SEC * 1000};

    return pthread_cond_clockwait(&writer->changed, &writer->lock, CLOCK_MONOTONIC, &until) == 0;
}

/* Works until the end, and then frees all: that can take time too. */
static gpointer
work(gpointer opaque)
{
    RlUploadWriter *writer = opaque;

    g_autoptr(GError) error = NULL;

    set_room(writer, false);
    /* All of it: its size and attributes, too, which no piece changes. */
    bool ready =
        fsync(writer->draft->fd) == 0 ||
        rl_fail_errno(&error, errno, "cannot write to volume '%s'", writer->draft->name->text);
    pthread_mutex_lock(&writer->lock);
    writer->ready = true;
    if (!ready)
        fail(writer, g_steal_pointer(&error));
    set_room(writer, true);
    pthread_cond_broadcast(&writer->changed);
    while (!writer->ended) {
        if (!writer->error && (writer->queue->len > 0 || writer->hole))
            do_pending(writer);
        else if (writer->error || writer->unsynced == 0)
            pthread_cond_wait(&writer->changed, &writer->lock);
        else if (writer->finishing || !wait_a_little(writer))
            sync_all(writer);
    }
    pthread_mutex_unlock(&writer->lock);
    if (writer->committed)
        complete(writer);
    writer_free(writer);
    return NULL;
}

static bool
set_range(RlUploadWriter *writer, uint64_t offset, uint64_t length, GError **error)
{
    struct stat st;

    if (fstat(writer->draft->fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot examine volume '%s'", writer->draft->name->text);
    uint64_t size = (uint64_t) st.st_size;
    if (offset > size || length > size - offset)
        return rl_fail(error, RL_ERROR_INVALID,
                       "%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT
                       " exceed the %" G_GUINT64_FORMAT " bytes of volume '%s'",
                       length, offset, size, writer->draft->name->text);
    writer->at = (off_t) offset;
    writer->left = (off_t) (length ? length : size - offset);
    return true;
}

RlUploadWriter *
rl_upload_writer_new(RlStagedImage *draft, uint64_t offset, uint64_t length, GError **error)
{
    RlUploadWriter *writer = g_new0(RlUploadWriter, 1);

    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->changed, NULL);
    writer->queue = g_byte_array_new();
    writer->draft = draft;
    writer->room = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (writer->room < 0)
        rl_fail_errno(error, errno, "cannot make an eventfd");
    else if (set_range(writer, offset, length, error))
        writer->thread = g_thread_try_new("reflink-writer", work, writer, error);
    if (!writer->thread) {
        writer_free(writer);
        return NULL;
    }
    return writer;
}

int
rl_upload_writer_room(const RlUploadWriter *writer, GError **error)
{
    int fd = fcntl(writer->room, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        rl_fail_errno(error, errno, "cannot duplicate a descriptor");
    return fd;
}

/* The caller has the lock. */
static bool
reserve(RlUploadWriter *writer, uint64_t length, GError **error)
{
    if (writer->error) {
        g_propagate_error(error, g_error_copy(writer->error));
        return false;
    }
    if (length > (uint64_t) writer->left)
        return rl_fail(error, RL_ERROR_INVALID,
                       "the upload exceeds the requested range of volume '%s'",
                       writer->draft->name->text);
    writer->left -= (off_t) length;
    return true;
}

/* The caller has the lock. */
static bool
has_pending(const RlUploadWriter *writer)
{
    return !writer->ready || writer->busy || writer->queue->len > 0 || writer->hole > 0 ||
           writer->unsynced > 0;
}

/* The caller has the lock. */
static RlWriterAnswer
put(RlUploadWriter *writer, const char *data, size_t size, GError **error)
{
    GError *cause = NULL;

    if (size == 0 && !writer->error)
        return RL_WRITER_TAKEN;
    /* It comes again with the last piece. */
    if (writer->last_put && !writer->error && !has_pending(writer)) {
        writer->last_put = false;
        return RL_WRITER_TAKEN;
    }
    bool full = writer->queue->len > 0 && writer->queue->len + size > QUEUE;
    if (!writer->error && (writer->last_put || writer->hole > 0 || full)) {
        set_room(writer, false);
        return RL_WRITER_WAIT;
    }
    if (!reserve(writer, size, &cause)) {
        fail(writer, g_error_copy(cause));
        g_propagate_error(error, cause);
        return RL_WRITER_FAILED;
    }
    g_byte_array_append(writer->queue, (const guint8 *) data, (guint) size);
    pthread_cond_broadcast(&writer->changed);
    if (writer->left > 0)
        return RL_WRITER_TAKEN;
    writer->last_put = true;
    set_room(writer, false);
    return RL_WRITER_WAIT;
}

RlWriterAnswer
rl_upload_writer_put(RlUploadWriter *writer, const char *data, size_t size, GError **error)
{
    pthread_mutex_lock(&writer->lock);
    RlWriterAnswer answer = put(writer, data, size, error);
    pthread_mutex_unlock(&writer->lock);
    return answer;
}

bool
rl_upload_writer_put_hole(RlUploadWriter *writer, uint64_t length, GError **error)
{
    GError *cause = NULL;

    pthread_mutex_lock(&writer->lock);
    bool done = reserve(writer, length, &cause);
    if (done && length > 0) {
        writer->hole += (off_t) length;
        set_room(writer, false);
        pthread_cond_broadcast(&writer->changed);
    } else if (!done) {
        fail(writer, g_error_copy(cause));
        set_room(writer, true);
        g_propagate_error(error, cause);
    }
    pthread_mutex_unlock(&writer->lock);
    return done;
}

/* The thread frees the writer when it sees this. */
static void
end(RlUploadWriter *writer, bool committed)
{
    pthread_mutex_lock(&writer->lock);
    writer->ended = true;
    writer->committed = committed;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
}

static bool
wait_for_pending(RlUploadWriter *writer, GError **error)
{
    pthread_mutex_lock(&writer->lock);
    writer->finishing = true;
    pthread_cond_broadcast(&writer->changed);
    while (has_pending(writer) && !writer->error)
        pthread_cond_wait(&writer->changed, &writer->lock);
    bool done = reserve(writer, 0, error);
    pthread_mutex_unlock(&writer->lock);
    return done;
}

bool
rl_upload_writer_commit(RlUploadWriter *writer, int timeout_ms, GError **error)
{
    bool done =
        wait_for_pending(writer, error) && rl_upload_commit(writer->draft, timeout_ms, error);

    end(writer, done);
    return done;
}

void
rl_upload_writer_end(RlUploadWriter *writer)
{
    end(writer, false);
}
