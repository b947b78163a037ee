/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream-reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"

struct RlStreamReader {
    int fd;
    RlStateId state, base;
    bool has_base;
    uint64_t rest;    /* where a stream goes on that was cut off; 0: it has all */
    uint64_t number;  /* of the next part */
    uint64_t at;      /* no later range begins before this */
    GChecksum *heads; /* all that was read but payloads */
    RlPartHead first; /* the part behind the states, which was read to know that they are over */
    bool has_first;
    bool over;        /* the end was read, or there was an error */
    uint8_t *payload; /* RL_STREAM_PAYLOAD_MAX */
};

static bool
read_all(int fd, uint8_t *bytes, size_t size, GError **error)
{
    while (size > 0) {
        ssize_t n = read(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rl_fail_errno(error, errno, "cannot read the stream");
        if (n == 0)
            return rl_fail(error, RL_ERROR_INVALID,
                           "the stream ends before its last part: it was cut off");
        bytes += n;
        size -= (size_t) n;
    }
    return true;
}

static bool
read_payload(RlStreamReader *reader, const RlPartHead *head, GError **error)
{
    if (!read_all(reader->fd, reader->payload, head->payload, error))
        return false;
    return rl_crc32c(reader->payload, head->payload) == head->payload_checksum ||
           rl_fail(error, RL_ERROR_INVALID,
                   "the stream is damaged: part %" G_GUINT64_FORMAT
                   " has a wrong checksum. Send it again",
                   head->number);
}

static bool
check_sum(const RlStreamReader *reader, GError **error)
{
    uint8_t sum[RL_STREAM_SUM_SIZE];
    gsize size = sizeof(sum);
    g_autoptr(GChecksum) heads = g_checksum_copy(reader->heads);

    g_checksum_get_digest(heads, sum, &size);
    return memcmp(sum, reader->payload, sizeof(sum)) == 0 ||
           rl_fail(error, RL_ERROR_INVALID,
                   "the stream is damaged: the checksum of the whole is wrong. Send it again");
}

/* Reads a part of any type. Its head counts for the sum of the whole, but for that of the end,
 * which has the sum. */
static bool
read_part(RlStreamReader *reader, RlPartHead *ret_head, GError **error)
{
    uint8_t bytes[RL_STREAM_HEAD_SIZE];

    if (!read_all(reader->fd, bytes, sizeof(bytes), error) ||
        !rl_part_head_read(bytes, ret_head, error))
        return false;
    if (ret_head->number != reader->number)
        return rl_fail(error, RL_ERROR_INVALID,
                       "the stream is damaged: part %" G_GUINT64_FORMAT
                       " is in the place of part %" G_GUINT64_FORMAT ". Send it again",
                       ret_head->number, reader->number);
    reader->number++;
    if (!read_payload(reader, ret_head, error))
        return false;
    if (ret_head->type == RL_PART_END)
        return check_sum(reader, error);
    g_checksum_update(reader->heads, bytes, sizeof(bytes));
    return true;
}

static bool
read_magic(RlStreamReader *reader, GError **error)
{
    uint8_t bytes[RL_STREAM_MAGIC_SIZE];

    if (!read_all(reader->fd, bytes, sizeof(bytes), error) || !rl_stream_check_magic(bytes, error))
        return false;
    g_checksum_update(reader->heads, bytes, sizeof(bytes));
    return true;
}

static bool
read_rest(RlStreamReader *reader, GError **error)
{
    uint64_t offset = rl_stream_offset_read(reader->payload);

    if (offset == 0 || offset > reader->state.size)
        return rl_fail(error, RL_ERROR_INVALID,
                       "the stream is invalid: it resumes at an offset that is 0 or beyond the end "
                       "of the state");
    reader->rest = reader->at = offset;
    return true;
}

/* And the part behind them. */
static bool
read_states(RlStreamReader *reader, GError **error)
{
    if (!read_part(reader, &reader->first, error))
        return false;
    if (reader->first.type != RL_PART_STATE)
        return rl_fail(
            error, RL_ERROR_INVALID,
            "the stream is invalid: it does not begin with the description of its state");
    if (!rl_stream_state_read(reader->payload, &reader->state, error) ||
        !read_part(reader, &reader->first, error))
        return false;
    reader->has_base = reader->first.type == RL_PART_BASE;
    if (reader->has_base && (!rl_stream_state_read(reader->payload, &reader->base, error) ||
                             !read_part(reader, &reader->first, error)))
        return false;
    return reader->first.type != RL_PART_REST ||
           (read_rest(reader, error) && read_part(reader, &reader->first, error));
}

/* Where a part may be depends on those before. */
static bool
check_place(RlStreamReader *reader, const RlPartHead *head, GError **error)
{
    if (head->type == RL_PART_END)
        return true;
    if (head->type != RL_PART_DATA && head->type != RL_PART_HOLE)
        return rl_fail(error, RL_ERROR_INVALID,
                       "the stream is invalid: it has another state or offset where data belongs");
    if (head->offset < reader->at || head->offset > reader->state.size ||
        head->length > reader->state.size - head->offset)
        return rl_fail(error, RL_ERROR_INVALID,
                       "the stream is invalid: part %" G_GUINT64_FORMAT
                       " overlaps the one before, or "
                       "exceeds the %" G_GUINT64_FORMAT " bytes of the state",
                       head->number, reader->state.size);
    reader->at = head->offset + head->length;
    return true;
}

RlStreamReader *
rl_stream_reader_new(int fd, GError **error)
{
    g_autoptr(RlStreamReader) reader = g_new0(RlStreamReader, 1);

    reader->fd = fd;
    reader->payload = g_malloc(RL_STREAM_PAYLOAD_MAX);
    reader->heads = g_checksum_new(G_CHECKSUM_SHA256);
    if (!read_magic(reader, error) || !read_states(reader, error))
        return NULL;
    reader->has_first = true;
    return g_steal_pointer(&reader);
}

const RlStateId *
rl_stream_reader_state(const RlStreamReader *reader)
{
    return &reader->state;
}

const RlStateId *
rl_stream_reader_base(const RlStreamReader *reader)
{
    return reader->has_base ? &reader->base : NULL;
}

uint64_t
rl_stream_reader_rest(const RlStreamReader *reader)
{
    return reader->rest;
}

static bool
next(RlStreamReader *reader, RlPartHead *ret_head, GError **error)
{
    if (!reader->has_first && !read_part(reader, ret_head, error))
        return false;
    if (reader->has_first)
        *ret_head = reader->first;
    reader->has_first = false;
    return check_place(reader, ret_head, error);
}

bool
rl_stream_reader_next(RlStreamReader *reader, RlPartHead *ret_head, const uint8_t **ret_data,
                      GError **error)
{
    if (reader->over)
        return rl_fail(error, RL_ERROR_INVALID, "the stream has ended");
    bool done = next(reader, ret_head, error);
    reader->over = !done || ret_head->type == RL_PART_END;
    *ret_data = done && ret_head->type == RL_PART_DATA ? reader->payload : NULL;
    return done;
}

void
rl_stream_reader_free(RlStreamReader *reader)
{
    if (!reader)
        return;
    g_checksum_free(reader->heads);
    g_free(reader->payload);
    g_free(reader);
}
