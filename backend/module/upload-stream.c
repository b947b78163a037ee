/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's own file streams lose write errors and leave old bytes in holes
 * (src/util/virfdstream.c). So its stream is a shell here, around a descriptor that says when there
 * is room, and the data goes to a writer of ours.
 *
 * The daemon calls from its event loop, which must not wait for a disk: it is told to come again
 * while others wait to be written, and until the last one is durable, so that a finish has two
 * names to change and nothing else. Two exceptions: a finish before the end of the range waits for
 * the few pieces that are not durable, and one right after a hole, which libvirt wants taken at
 * once, waits for that. */
#include "upload-stream.h"

#include "datatypes.h"
#include "virerror.h"
#include "virfdstream.h"

#include "common/base/autofd.h"
#include "common/operation/upload-writer.h"
#include "daemon-quirks.h"
#include "module.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

/* Whoever holds the lock of a volume at rest does so for moments. A finish is called in the
 * daemon's event loop and has to be answered there and then: nobody else is, meanwhile. */
#define LOCK_PATIENCE_MS 100

typedef struct {
    RlUploadWriter *writer;
    virStreamDriver *shell; /* libvirt's own */
} Upload;

/* Streams that are uploads. One is added by an API call and taken by its finish or abort; the
 * daemon makes the calls in between one after the other. */
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
table_find(virStreamPtr stream)
{
    g_mutex_lock(&table_lock);
    Upload *upload = table ? g_hash_table_lookup(table, stream) : NULL;
    g_mutex_unlock(&table_lock);
    if (!upload)
        virReportError(VIR_ERR_OPERATION_INVALID, "%s", "the stream is closed");
    return upload;
}

/* Takes the upload out of the table; the stream is libvirt's alone from here on. */
static RlUploadWriter *
give_back(virStreamPtr stream)
{
    g_mutex_lock(&table_lock);
    Upload *upload = table ? g_hash_table_lookup(table, stream) : NULL;
    if (upload)
        g_hash_table_remove(table, stream);
    g_mutex_unlock(&table_lock);
    if (!upload)
        return NULL;

    RlUploadWriter *writer = upload->writer;
    stream->driver = upload->shell;
    g_free(upload);
    return writer;
}

/* libvirt calls again with the same bytes when there is room. */
static int
stream_send(virStreamPtr stream, const char *data, size_t size)
{
    Upload *upload = table_find(stream);
    GError *error = NULL;

    if (!upload)
        return -1;
    switch (rl_upload_writer_put(upload->writer, data, size, &error)) {
    case RL_WRITER_TAKEN:
        return (int) size;
    case RL_WRITER_WAIT:
        return -2;
    case RL_WRITER_FAILED:
        break;
    }
    if (RL_STREAM_FAILS_AT_END) {
        g_error_free(error); /* the commit has the same */
        return (int) size;
    }
    return rl_report(error);
}

static int
stream_send_hole(virStreamPtr stream, long long length, unsigned int flags)
{
    Upload *upload = table_find(stream);

    virCheckFlags(0, -1);
    if (!upload)
        return -1;
    /* The daemon answers a hole that fails with a message that the client takes for the success of
     * its finish (daemonStreamHandleHole(), src/remote/remote_daemon_stream.c). So what comes next
     * fails in its place; so it does for a negative length, which is too long a one. */
    rl_upload_writer_put_hole(upload->writer, (uint64_t) length, NULL);
    return 0;
}

static int
stream_finish(virStreamPtr stream)
{
    RlUploadWriter *writer = give_back(stream);
    GError *error = NULL;
    virErrorPtr kept;

    if (!writer)
        return 0;
    if (rl_upload_writer_commit(writer, LOCK_PATIENCE_MS, &error))
        return stream->driver->streamFinish(stream);
    rl_report(error);
    virErrorPreserveLast(&kept);
    stream->driver->streamAbort(stream);
    virErrorRestore(&kept);
    return -1;
}

static int
stream_abort(virStreamPtr stream)
{
    RlUploadWriter *writer = give_back(stream);

    if (!writer)
        return 0;
    rl_upload_writer_end(writer);
    return stream->driver->streamAbort(stream);
}

/* Events are the shell's: its private data stays in the stream. */
static int
stream_add_callback(virStreamPtr stream, int events, virStreamEventCallback callback, void *opaque,
                    virFreeCallback release)
{
    const Upload *upload = table_find(stream);

    return upload ? upload->shell->streamEventAddCallback(stream, events, callback, opaque, release)
                  : -1;
}

static int
stream_update_callback(virStreamPtr stream, int events)
{
    const Upload *upload = table_find(stream);

    return upload ? upload->shell->streamEventUpdateCallback(stream, events) : -1;
}

static int
stream_remove_callback(virStreamPtr stream)
{
    const Upload *upload = table_find(stream);

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

int
rl_upload_stream_start(virStreamPtr stream, RlStagedImage *draft, unsigned long long offset,
                       unsigned long long length)
{
    GError *error = NULL;
    RlUploadWriter *writer = rl_upload_writer_new(draft, offset, length, &error);

    if (!writer)
        return rl_report(error);
    rl_autofd int room = rl_upload_writer_room(writer, &error);
    if (room < 0 || virFDStreamOpen(stream, room) < 0) {
        rl_upload_writer_end(writer);
        return error ? rl_report(error) : -1;
    }
    rl_fd_steal(&room); /* libvirt's now */

    Upload *upload = g_new0(Upload, 1);
    upload->writer = writer;
    upload->shell = stream->driver;
    table_add(stream, upload);
    stream->driver = &upload_driver;
    return 0;
}
