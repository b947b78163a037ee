/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's own file streams lose write errors and leave old bytes in holes
 * (src/util/virfdstream.c). So its stream is a shell here, around an eventfd that says when there
 * is room; the data goes to a thread that writes it.
 *
 * The daemon's event loop must wait for no disk. It is told that there is no room while the thread
 * works on a piece, and takes the piece as accepted only when that is durable: when the last has
 * been, all is, and the finish has nothing to do but two names. A hole, which libvirt wants
 * accepted at once, is the exception: a finish right after one waits for it. */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datatypes.h"
#include "virerror.h"
#include "virfdstream.h"

#include "common/edit.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "later.h"
#include "module.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

/* Whoever holds the lock of a volume at rest does so for moments. */
#define LOCK_PATIENCE_MS 500
/* An eventfd that holds this is not writable (eventfd(2)). */
#define NO_ROOM 0xfffffffffffffffeULL

typedef struct {
    RlDraft *draft;
    virStreamDriver *shell; /* libvirt's own */
    int room;               /* our descriptor of the eventfd */
    GThread *thread;

    GMutex lock;
    GCond changed;
    char *data;     /* the piece in work; NULL where there is none */
    size_t size;    /* of it */
    bool accepted;  /* it is durable, and the daemon has yet to be told */
    long long hole; /* bytes to become a hole after it */
    bool ended;     /* there is nothing more to come */
    off_t at;       /* where the next byte goes; the thread's alone */
    off_t end;      /* where the last may go */
    off_t asked;    /* what was asked for by now */
    GError *error;  /* the first; then nothing more is done */
} Upload;

/* Streams that are uploads. One is added by an API call and taken by its finish or abort. */
static GMutex table_lock;
static GHashTable *table;

static void
table_add(virStreamPtr stream, Upload *upload)
{
    g_mutex_lock(&table_lock);
    if (!table)
        table = g_hash_table_new(NULL, NULL);
    g_hash_table_insert(table, stream, upload);
    g_mutex_unlock(&table_lock);
}

static Upload *
table_find(virStreamPtr stream, bool take)
{
    g_mutex_lock(&table_lock);
    Upload *upload = table ? g_hash_table_lookup(table, stream) : NULL;
    if (upload && take)
        g_hash_table_remove(table, stream);
    g_mutex_unlock(&table_lock);
    return upload;
}

static void
set_room(const Upload *upload, bool there)
{
    uint64_t value = NO_ROOM;
    ssize_t n = there ? read(upload->room, &value, sizeof(value))
                      : write(upload->room, &value, sizeof(value));

    (void) n; /* EAGAIN: it is so already */
}

static bool
write_piece(const Upload *upload, const char *data, size_t size, GError **error)
{
    for (off_t at = upload->at; size > 0;) {
        ssize_t n = pwrite(upload->draft->fd, data, size, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rl_fail_errno(error, errno, "cannot write to volume '%s'",
                                 upload->draft->name->text);
        data += n;
        size -= (size_t) n;
        at += n;
    }
    return true;
}

static bool
make_durable(const Upload *upload, GError **error)
{
    if (fdatasync(upload->draft->fd) < 0)
        return rl_fail_errno(error, errno, "cannot write to volume '%s'",
                             upload->draft->name->text);
    return true;
}

static bool
punch(const Upload *upload, off_t length, GError **error)
{
    if (fallocate(upload->draft->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, upload->at,
                  length) < 0)
        return rl_fail_errno(error, errno, "cannot make a hole in volume '%s'",
                             upload->draft->name->text);
    return true;
}

/* Does what there is to do, without the lock; called and returns with it. */
static void
do_pending(Upload *upload)
{
    g_autofree char *data = g_steal_pointer(&upload->data);
    size_t size = upload->size;
    /* A hole is asked for after the piece that is in work, never before. */
    long long hole = data ? 0 : upload->hole;
    GError *error = NULL;

    g_mutex_unlock(&upload->lock);
    bool done = data ? write_piece(upload, data, size, &error) : punch(upload, hole, &error);
    done = done && make_durable(upload, &error);
    g_mutex_lock(&upload->lock);

    upload->at += data ? (off_t) size : hole;
    upload->hole -= hole;
    upload->accepted = data != NULL;
    if (!done)
        upload->error = error;
}

static gpointer
work(gpointer opaque)
{
    Upload *upload = opaque;

    g_mutex_lock(&upload->lock);
    while (!upload->ended && !upload->error) {
        if (!upload->data && !upload->hole) {
            g_cond_wait(&upload->changed, &upload->lock);
            continue;
        }
        do_pending(upload);
        set_room(upload, true);
        g_cond_broadcast(&upload->changed);
    }
    g_mutex_unlock(&upload->lock);
    return NULL;
}

static void
upload_free(Upload *upload)
{
    rl_draft_free(upload->draft);
    if (upload->room >= 0)
        close(upload->room);
    g_mutex_clear(&upload->lock);
    g_cond_clear(&upload->changed);
    g_clear_error(&upload->error);
    g_free(upload->data);
    g_free(upload);
}

/* Ends the thread and what it worked on, in a thread of its own: freeing a large draft takes time.
 */
static gpointer
end_and_free(gpointer opaque)
{
    Upload *upload = opaque;

    g_thread_join(upload->thread);
    upload_free(upload);
    return NULL;
}

static void
end_later(Upload *upload)
{
    g_mutex_lock(&upload->lock);
    upload->ended = true;
    g_cond_broadcast(&upload->changed);
    g_mutex_unlock(&upload->lock);

    GThread *thread = g_thread_try_new("reflink-end", end_and_free, upload, NULL);
    if (thread)
        g_thread_unref(thread);
    else
        end_and_free(upload);
}

static int
report_copy(const GError *error)
{
    return rl_report(g_error_copy(error));
}

static bool
check_room_for(Upload *upload, unsigned long long length, GError **error)
{
    if (length <= (unsigned long long) (upload->end - upload->asked))
        return true;
    return rl_fail(error, RL_ERROR_INVALID,
                   "the stream goes beyond the end of what it is for in volume '%s'",
                   upload->draft->name->text);
}

/* The caller has the lock. */
static int
take_piece(Upload *upload, const char *data, size_t size)
{
    GError *error = NULL;

    if (upload->error)
        return report_copy(upload->error);
    if (upload->accepted) {
        upload->accepted = false;
        return (int) upload->size;
    }
    if (upload->data || upload->hole)
        return -2;
    if (!check_room_for(upload, size, &error))
        return rl_report(error);
    upload->data = g_memdup2(data, size);
    upload->size = size;
    upload->asked += (off_t) size;
    set_room(upload, false);
    g_cond_broadcast(&upload->changed);
    return -2;
}

/* libvirt calls again with the same bytes when there is room. */
static int
stream_send(virStreamPtr stream, const char *data, size_t size)
{
    Upload *upload = table_find(stream, false);

    if (!upload) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "the stream is closed");
        return -1;
    }
    g_mutex_lock(&upload->lock);
    int rc = take_piece(upload, data, size);
    g_mutex_unlock(&upload->lock);
    return rc;
}

static int
stream_send_hole(virStreamPtr stream, long long length, unsigned int flags)
{
    Upload *upload = table_find(stream, false);
    GError *error = NULL;
    int rc = 0;

    virCheckFlags(0, -1);
    if (!upload || length < 0) {
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "no such hole in this stream");
        return -1;
    }
    g_mutex_lock(&upload->lock);
    if (upload->error) {
        rc = report_copy(upload->error);
    } else if (!check_room_for(upload, (unsigned long long) length, &error)) {
        rc = rl_report(error);
    } else {
        upload->hole += length;
        upload->asked += length;
        set_room(upload, false);
        g_cond_broadcast(&upload->changed);
    }
    g_mutex_unlock(&upload->lock);
    return rc;
}

/* Only a hole can still be in work, see above. */
static bool
wait_for_holes(Upload *upload, GError **error)
{
    g_mutex_lock(&upload->lock);
    while ((upload->hole || upload->data) && !upload->error)
        g_cond_wait(&upload->changed, &upload->lock);
    if (upload->error)
        *error = g_error_copy(upload->error);
    g_mutex_unlock(&upload->lock);
    return *error == NULL;
}

/* What is left when the names are there. */
static gpointer
sync_and_free(gpointer opaque)
{
    Upload *upload = opaque;
    g_autoptr(GError) error = NULL;

    if (!rl_edit_sync(upload->draft, &error))
        rl_log_warning("%s: %s", upload->draft->name->text, error->message);
    rl_later_maintain(upload->draft->pool, upload->draft->name->volume);
    return end_and_free(upload);
}

static void
complete_later(Upload *upload)
{
    g_mutex_lock(&upload->lock);
    upload->ended = true;
    g_cond_broadcast(&upload->changed);
    g_mutex_unlock(&upload->lock);

    GThread *thread = g_thread_try_new("reflink-sync", sync_and_free, upload, NULL);
    if (thread)
        g_thread_unref(thread);
    else
        sync_and_free(upload);
}

/* From here on the stream is libvirt's alone. */
static const virStreamDriver *
give_back(virStreamPtr stream, const Upload *upload)
{
    stream->driver = upload->shell;
    return upload->shell;
}

static int
stream_finish(virStreamPtr stream)
{
    Upload *upload = table_find(stream, true);
    GError *error = NULL;

    if (!upload)
        return 0;
    const virStreamDriver *shell = give_back(stream, upload);
    if (!wait_for_holes(upload, &error) ||
        !rl_edit_commit(upload->draft, LOCK_PATIENCE_MS, &error)) {
        virErrorPtr kept;
        rl_report(error);
        virErrorPreserveLast(&kept);
        end_later(upload);
        shell->streamAbort(stream);
        virErrorRestore(&kept);
        return -1;
    }
    complete_later(upload);
    return shell->streamFinish(stream);
}

static int
stream_abort(virStreamPtr stream)
{
    Upload *upload = table_find(stream, true);

    if (!upload)
        return 0;
    int rc = give_back(stream, upload)->streamAbort(stream);
    end_later(upload);
    return rc;
}

/* The shell's functions for events are asked through the stream: its private data stays libvirt's.
 */
static int
stream_add_callback(virStreamPtr stream, int events, virStreamEventCallback callback, void *opaque,
                    virFreeCallback release)
{
    Upload *upload = table_find(stream, false);

    return upload ? upload->shell->streamEventAddCallback(stream, events, callback, opaque, release)
                  : -1;
}

static int
stream_update_callback(virStreamPtr stream, int events)
{
    Upload *upload = table_find(stream, false);

    return upload ? upload->shell->streamEventUpdateCallback(stream, events) : -1;
}

static int
stream_remove_callback(virStreamPtr stream)
{
    Upload *upload = table_find(stream, false);

    return upload ? upload->shell->streamEventRemoveCallback(stream) : -1;
}

static virStreamDriver upload_driver = {
    .streamSend = stream_send,
    .streamSendHole = stream_send_hole,
    .streamFinish = stream_finish,
    .streamAbort = stream_abort,
    .streamEventAddCallback = stream_add_callback,
    .streamEventUpdateCallback = stream_update_callback,
    .streamEventRemoveCallback = stream_remove_callback,
};

static bool
set_range(Upload *upload, unsigned long long offset, unsigned long long length, GError **error)
{
    struct stat st;

    if (fstat(upload->draft->fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot look at volume '%s'", upload->draft->name->text);
    unsigned long long size = (unsigned long long) st.st_size;
    if (offset > size || length > size - offset)
        return rl_fail(error, RL_ERROR_INVALID,
                       "%llu bytes from %llu on are more than the %llu bytes of volume '%s'",
                       length, offset, size, upload->draft->name->text);
    upload->at = upload->asked = (off_t) offset;
    upload->end = (off_t) (length ? offset + length : size);
    return true;
}

int
rl_upload_start(virStreamPtr stream, RlDraft *draft, unsigned long long offset,
                unsigned long long length)
{
    Upload *upload = g_new0(Upload, 1);
    GError *error = NULL;
    rl_autofd int shell = -1;

    g_mutex_init(&upload->lock);
    g_cond_init(&upload->changed);
    upload->draft = draft;
    upload->room = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    shell = upload->room < 0 ? -1 : fcntl(upload->room, F_DUPFD_CLOEXEC, 0);
    if (shell < 0)
        rl_fail_errno(&error, errno, "cannot make a stream");
    else if (set_range(upload, offset, length, &error))
        upload->thread = g_thread_try_new("reflink-upload", work, upload, &error);
    if (!upload->thread) {
        upload_free(upload);
        return rl_report(error);
    }
    if (virFDStreamOpen(stream, shell) < 0) {
        end_later(upload);
        return -1;
    }
    rl_fd_steal(&shell); /* libvirt's now */
    upload->shell = stream->driver;
    table_add(stream, upload);
    stream->driver = &upload_driver;
    return 0;
}
