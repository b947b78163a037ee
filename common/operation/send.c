/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "send.h"

#include <fcntl.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/stream-writer.h"
#include "common/fs/changes.h"
#include "common/fs/file-data.h"
#include "common/fs/stable-copy.h"
#include "common/image/content.h"
#include "common/pool/writers.h"

#define CHUNK_SIZE RL_STREAM_PAYLOAD_MAX
#define BLOCK_SIZE 4096

typedef struct {
    int fd; /* the image */
    bool incremental;
    RlStreamWriter *writer;
    const RlProgress *progress;
    uint64_t size; /* of the state: an image that was received may be longer, by zeros */
    uint64_t at;   /* the receiver has what lies before */
    uint64_t sent;
    char *buffer; /* CHUNK_SIZE */
} Sending;

static void
sending_clear(Sending *sending)
{
    rl_stream_writer_free(sending->writer);
    g_free(sending->buffer);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sending, sending_clear)

static bool
is_zero(const char *bytes, size_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* The end of the run of blocks that begins at @start of @bytes: all zeros, or none of them. */
static size_t
end_of_run(const char *bytes, size_t start, size_t size, bool zero)
{
    while (start < size) {
        size_t block = MIN(BLOCK_SIZE, size - start);
        if (is_zero(bytes + start, block) != zero)
            break;
        start += block;
    }
    return start;
}

/* A full stream says nothing of holes. */
static bool
send_run(Sending *sending, uint64_t offset, const char *data, size_t size, GError **error)
{
    if (is_zero(data, MIN(BLOCK_SIZE, size)))
        return !sending->incremental || rl_stream_writer_hole(sending->writer, offset, size, error);
    sending->sent += size;
    return rl_stream_writer_data(sending->writer, offset, data, size, error);
}

static bool
send_bytes(Sending *sending, uint64_t offset, const char *bytes, size_t size, GError **error)
{
    for (size_t start = 0, end; start < size; start = end) {
        bool zero = is_zero(bytes + start, MIN(BLOCK_SIZE, size - start));
        end = end_of_run(bytes, start, size, zero);
        if (!send_run(sending, offset + start, bytes + start, end - start, error))
            return false;
    }
    return true;
}

static void
report(const Sending *sending, uint64_t at)
{
    const RlProgress *progress = sending->progress;

    if (progress->report)
        progress->report(at, sending->size, sending->sent, progress->data);
}

static bool
send_range(Sending *sending, uint64_t start, uint64_t end, GError **error)
{
    while (start < end) {
        size_t size = (size_t) MIN(end - start, CHUNK_SIZE);
        if (!rl_full_read(sending->fd, sending->buffer, size, start, error) ||
            !send_bytes(sending, start, sending->buffer, size, error))
            return false;
        start += size;
        report(sending, start);
    }
    return true;
}

/* A range that the base has not, but for what the receiver has of it and what is behind the end. */
static bool
send_change(uint64_t start, uint64_t length, const char *bytes, void *data, GError **error)
{
    Sending *sending = data;
    uint64_t from = MAX(start, sending->at), end = MIN(start + length, sending->size);

    if (from >= end)
        return true;
    if (!send_bytes(sending, from, bytes + (from - start), (size_t) (end - from), error))
        return false;
    report(sending, end);
    return true;
}

/* All that is no hole. */
static bool
send_data(Sending *sending, GError **error)
{
    for (uint64_t start = sending->at, end; start < sending->size; start = end) {
        start = rl_next_data(sending->fd, start);
        if (start >= sending->size)
            break;
        end = MIN(rl_next_hole(sending->fd, start), sending->size);
        if (!send_range(sending, start, end, error))
            return false;
    }
    return true;
}

static bool
send_changes(Sending *sending, int from, GError **error)
{
    const RlChangesWish wish = {.exact = true, .bytes = send_change, .data = sending};
    bool by_bytes;

    return rl_changes_find(from, sending->fd, &wish, &by_bytes, error);
}

static bool
get_state(int fd, const char *name, RlStateId *ret_state, GError **error)
{
    if (rl_state_id_get(fd, ret_state, error))
        return true;
    g_prefix_error(error, "cannot send '%s': ", name);
    return false;
}

/* What the receiver has is of the stream that is to be sent. */
static bool
check_resumed(const RlSend *send, const RlPartialNote *sent, GError **error)
{
    if (!send->resume || rl_partial_note_same(send->resume, sent))
        return true;
    return rl_fail(error, RL_ERROR_INVALID,
                   "the stream of '%s' cannot be resumed: the token is of %s. Name the states that "
                   "were named before",
                   send->state,
                   rl_state_id_same(&send->resume->state, &sent->state) ? "another base (--from)"
                                                                        : "another state");
}

static bool
open_states(const RlPool *pool, const RlSend *send, int fds[2], GError **error)
{
    fds[0] = rl_content_open(pool, send->state, false, error);
    if (fds[0] >= 0 && send->from)
        fds[1] = rl_content_open(pool, send->from, false, error);
    return fds[0] >= 0 && (!send->from || fds[1] >= 0);
}

static bool
begin(Sending *sending, const RlSend *send, int from, GError **error)
{
    RlPartialNote note = {.incremental = send->from != NULL};

    if (!get_state(sending->fd, send->state, &note.state, error) ||
        (send->from && !get_state(from, send->from, &note.base, error)) ||
        !check_resumed(send, &note, error))
        return false;
    /* Fewer, longer turns of the two processes; a pipe that cannot grow does as well. */
    fcntl(send->out, F_SETPIPE_SZ, CHUNK_SIZE);
    sending->size = note.state.size;
    sending->writer =
        rl_stream_writer_new(send->out, &note.state, send->from ? &note.base : NULL, error);
    return sending->writer &&
           (!sending->at || rl_stream_writer_rest(sending->writer, sending->at, error));
}

/* An image at rest that is sent, and what it was like when that began. */
typedef struct {
    int fd; /* -1: none */
    const char *name;
    struct stat before;
} Sent;

static bool
look_before(Sent *sent, GError **error)
{
    return sent->fd < 0 || rl_stable_begin(sent->fd, &sent->before, error);
}

/* An edit in place that began meanwhile: what was read is a state that there never was. Whoever has
 * closed it by the first look has left another date. */
static bool
require_same(const Sent *sent, GError **error)
{
    if (sent->fd < 0)
        return true;
    if (rl_clean_require_unwritten(sent->name, sent->name, sent->fd, RL_CLEAN_PATIENCE_MS, NULL) &&
        rl_stable_is_same(sent->fd, &sent->before))
        return true;
    return rl_fail(error, RL_ERROR_BUSY,
                   "cannot send '%s': a process wrote to '%s' meanwhile, although images at rest "
                   "must not change, so the stream is incomplete. End that process, then send it "
                   "again",
                   sent->name, sent->name);
}

bool
rl_send(const RlPool *pool, const RlSend *send, uint64_t *ret_sent, GError **error)
{
    int fds[2] = {-1, -1};
    bool opened = open_states(pool, send, fds, error);
    rl_autofd int fd = fds[0], from = fds[1];

    if (!opened)
        return false;
    g_auto(Sending) sending = {.fd = fd,
                               .incremental = send->from != NULL,
                               .progress = &send->progress,
                               .at = send->resume ? send->resume->at : 0,
                               .buffer = g_malloc(CHUNK_SIZE)};
    Sent state = {.fd = fd, .name = send->state}, base = {.fd = from, .name = send->from};
    if (!look_before(&state, error) || !look_before(&base, error) ||
        !begin(&sending, send, from, error) ||
        !(send->from ? send_changes(&sending, from, error) : send_data(&sending, error)) ||
        !require_same(&state, error) || !require_same(&base, error))
        return false;
    *ret_sent = sending.sent;
    return rl_stream_writer_end(sending.writer, error);
}
