/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "maintenance.h"
#include "upload.h"

/* An eventfd that holds this is not writable (eventfd(2)). */
#define NO_ROOM 0xfffffffffffffffeULL

struct RlUploadWriter {
    RlStagedImage *draft;
    int room; /* an eventfd */
    GThread *thread;
    off_t at; /* where the next byte goes; the thread's alone */

    GMutex lock; /* of all that follows */
    GCond changed;
    char *data;     /* the piece in work; NULL where there is none */
    size_t size;    /* of it */
    bool taken;     /* it is durable, and whoever put it has yet to be told */
    off_t hole;     /* bytes that are to become a hole */
    off_t left;     /* bytes that may still be put */
    bool ready;     /* what the draft was begun with is durable */
    bool ended;     /* there is nothing more to come */
    bool committed; /* and it was for something */
    GError *error;  /* the first; then nothing more is done */
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
write_piece(const RlUploadWriter *writer, const char *data, size_t size, GError **error)
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

static bool
punch(const RlUploadWriter *writer, off_t length, GError **error)
{
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

/* The caller has the lock. Takes @error over. */
static void
fail(RlUploadWriter *writer, GError *error)
{
    if (writer->error)
        g_error_free(error);
    else
        writer->error = error;
}

/* Does what there is to do, without the lock; called and returns with it. A piece is only taken on
 * while no hole waits, so what there is is one of the two. */
static void
do_pending(RlUploadWriter *writer)
{
    /* It stays where it is meanwhile: whoever comes again too early has to wait. */
    const char *data = writer->data;
    size_t size = writer->size;
    off_t hole = data ? 0 : writer->hole;
    GError *error = NULL;

    g_mutex_unlock(&writer->lock);
    bool done = data ? write_piece(writer, data, size, &error) : punch(writer, hole, &error);
    done = done && make_durable(writer, &error);
    writer->at += data ? (off_t) size : hole;
    g_mutex_lock(&writer->lock);

    writer->hole -= hole;
    writer->taken = data != NULL;
    g_clear_pointer(&writer->data, g_free);
    if (!done)
        fail(writer, error);
    set_room(writer, true);
    g_cond_broadcast(&writer->changed);
}

static void
writer_free(RlUploadWriter *writer)
{
    rl_staged_free(writer->draft);
    if (writer->room >= 0)
        close(writer->room);
    if (writer->thread)
        g_thread_unref(writer->thread);
    g_mutex_clear(&writer->lock);
    g_cond_clear(&writer->changed);
    g_clear_error(&writer->error);
    g_free(writer->data);
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
    g_mutex_lock(&writer->lock);
    writer->ready = true;
    if (!ready)
        writer->error = g_steal_pointer(&error);
    set_room(writer, true);
    g_cond_broadcast(&writer->changed);
    while (!writer->ended) {
        if (writer->error || (!writer->data && !writer->hole))
            g_cond_wait(&writer->changed, &writer->lock);
        else
            do_pending(writer);
    }
    g_mutex_unlock(&writer->lock);
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

    g_mutex_init(&writer->lock);
    g_cond_init(&writer->changed);
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
static RlWriterAnswer
put(RlUploadWriter *writer, const char *data, size_t size, GError **error)
{
    GError *cause = NULL;

    if (size == 0 && !writer->error)
        return RL_WRITER_TAKEN;
    if (writer->taken && !writer->error) {
        writer->taken = false;
        return RL_WRITER_TAKEN;
    }
    if (!writer->error && (!writer->ready || writer->data || writer->hole))
        return RL_WRITER_WAIT;
    if (!reserve(writer, size, &cause)) {
        fail(writer, g_error_copy(cause));
        g_propagate_error(error, cause);
        return RL_WRITER_FAILED;
    }
    writer->data = g_memdup2(data, size);
    writer->size = size;
    set_room(writer, false);
    g_cond_broadcast(&writer->changed);
    return RL_WRITER_WAIT;
}

RlWriterAnswer
rl_upload_writer_put(RlUploadWriter *writer, const char *data, size_t size, GError **error)
{
    g_mutex_lock(&writer->lock);
    RlWriterAnswer answer = put(writer, data, size, error);
    g_mutex_unlock(&writer->lock);
    return answer;
}

bool
rl_upload_writer_put_hole(RlUploadWriter *writer, uint64_t length, GError **error)
{
    GError *cause = NULL;

    g_mutex_lock(&writer->lock);
    bool done = reserve(writer, length, &cause);
    if (done && length > 0) {
        writer->hole += (off_t) length;
        set_room(writer, false);
        g_cond_broadcast(&writer->changed);
    } else if (!done) {
        fail(writer, g_error_copy(cause));
        set_room(writer, true);
        g_propagate_error(error, cause);
    }
    g_mutex_unlock(&writer->lock);
    return done;
}

/* The thread frees the writer when it sees this. */
static void
end(RlUploadWriter *writer, bool committed)
{
    g_mutex_lock(&writer->lock);
    writer->ended = true;
    writer->committed = committed;
    g_cond_broadcast(&writer->changed);
    g_mutex_unlock(&writer->lock);
}

static bool
wait_for_pending(RlUploadWriter *writer, GError **error)
{
    g_mutex_lock(&writer->lock);
    while ((!writer->ready || writer->data || writer->hole) && !writer->error)
        g_cond_wait(&writer->changed, &writer->lock);
    bool done = reserve(writer, 0, error);
    g_mutex_unlock(&writer->lock);
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
