/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream-writer.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"

/* Small parts are written together: a turn of two processes costs more than a copy of them. */
#define WAITING_SIZE (128 * 1024)
#define SMALL_PART (32 * 1024)

struct RlStreamWriter {
    int fd;
    uint64_t number;               /* of the next part */
    GChecksum *heads;              /* all that was written but payloads */
    uint8_t *waiting;              /* WAITING_SIZE: parts that are written with the next ones */
    size_t waits;                  /* bytes in it */
    uint64_t hole_at, hole_length; /* of a hole that may go on; empty where there is none */
};

/* Writes both, which it uses up. */
static bool
write_all(int fd, struct iovec *parts, int count, GError **error)
{
    while (count > 0) {
        ssize_t n = writev(fd, parts, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rl_fail_errno(error, errno, "cannot write the stream");
        for (; count > 0 && (size_t) n >= parts->iov_len; parts++, count--)
            n -= (ssize_t) parts->iov_len;
        if (count > 0) {
            parts->iov_base = (char *) parts->iov_base + n;
            parts->iov_len -= (size_t) n;
        }
    }
    return true;
}

static bool
write_waiting(RlStreamWriter *writer, const void *head, const void *payload, size_t size,
              GError **error)
{
    struct iovec parts[] = {{writer->waiting, writer->waits},
                            {(void *) head, head ? RL_STREAM_HEAD_SIZE : 0},
                            {(void *) payload, size}};

    writer->waits = 0;
    return write_all(writer->fd, parts, G_N_ELEMENTS(parts), error);
}

static void
put(RlStreamWriter *writer, const void *bytes, size_t size)
{
    memcpy(writer->waiting + writer->waits, bytes, size);
    writer->waits += size;
}

static bool
write_part(RlStreamWriter *writer, RlPartHead head, const void *payload, GError **error)
{
    uint8_t bytes[RL_STREAM_HEAD_SIZE];

    head.number = writer->number++;
    head.payload_checksum = rl_crc32c(payload, head.payload);
    rl_part_head_write(&head, bytes);
    g_checksum_update(writer->heads, bytes, sizeof(bytes));
    if (head.payload > SMALL_PART)
        return write_waiting(writer, bytes, payload, head.payload, error);
    put(writer, bytes, sizeof(bytes));
    put(writer, payload, head.payload);
    return writer->waits < WAITING_SIZE || write_waiting(writer, NULL, NULL, 0, error);
}

static bool
write_state(RlStreamWriter *writer, RlPartType type, const RlStateId *state, GError **error)
{
    uint8_t payload[RL_STREAM_STATE_SIZE];

    rl_stream_state_write(state, payload);
    return write_part(writer, (RlPartHead){.type = type, .payload = sizeof(payload)}, payload,
                      error);
}

static void
write_magic(RlStreamWriter *writer)
{
    uint8_t bytes[RL_STREAM_MAGIC_SIZE];

    rl_stream_magic(bytes);
    g_checksum_update(writer->heads, bytes, sizeof(bytes));
    put(writer, bytes, sizeof(bytes));
}

RlStreamWriter *
rl_stream_writer_new(int fd, const RlStateId *state, const RlStateId *base, GError **error)
{
    g_autoptr(RlStreamWriter) writer = g_new0(RlStreamWriter, 1);

    writer->fd = fd;
    writer->heads = g_checksum_new(G_CHECKSUM_SHA256);
    /* One more small part than is written at a time. */
    writer->waiting = g_malloc(WAITING_SIZE + RL_STREAM_HEAD_SIZE + SMALL_PART);
    write_magic(writer);
    if (!write_state(writer, RL_PART_STATE, state, error) ||
        (base && !write_state(writer, RL_PART_BASE, base, error)))
        return NULL;
    return g_steal_pointer(&writer);
}

bool
rl_stream_writer_rest(RlStreamWriter *writer, uint64_t offset, GError **error)
{
    uint8_t payload[RL_STREAM_OFFSET_SIZE];

    rl_stream_offset_write(offset, payload);
    return write_part(writer, (RlPartHead){.type = RL_PART_REST, .payload = sizeof(payload)},
                      payload, error);
}

/* The hole goes no further. */
static bool
end_hole(RlStreamWriter *writer, GError **error)
{
    const RlPartHead head = {
        .type = RL_PART_HOLE, .offset = writer->hole_at, .length = writer->hole_length};

    if (!writer->hole_length)
        return true;
    writer->hole_length = 0;
    return write_part(writer, head, "", error);
}

bool
rl_stream_writer_data(RlStreamWriter *writer, uint64_t offset, const void *data, size_t size,
                      GError **error)
{
    const RlPartHead head = {
        .type = RL_PART_DATA, .payload = (uint32_t) size, .offset = offset, .length = size};

    g_return_val_if_fail(size > 0 && size <= RL_STREAM_PAYLOAD_MAX, false);
    return end_hole(writer, error) && write_part(writer, head, data, error);
}

bool
rl_stream_writer_hole(RlStreamWriter *writer, uint64_t offset, uint64_t length, GError **error)
{
    if (writer->hole_length && writer->hole_at + writer->hole_length == offset) {
        writer->hole_length += length;
        return true;
    }
    if (!end_hole(writer, error))
        return false;
    writer->hole_at = offset;
    writer->hole_length = length;
    return true;
}

bool
rl_stream_writer_end(RlStreamWriter *writer, GError **error)
{
    uint8_t sum[RL_STREAM_SUM_SIZE];
    gsize size = sizeof(sum);

    if (!end_hole(writer, error))
        return false;
    g_autoptr(GChecksum) heads = g_checksum_copy(writer->heads);
    g_checksum_get_digest(heads, sum, &size);
    return write_part(writer, (RlPartHead){.type = RL_PART_END, .payload = sizeof(sum)}, sum,
                      error) &&
           write_waiting(writer, NULL, NULL, 0, error);
}

void
rl_stream_writer_free(RlStreamWriter *writer)
{
    if (!writer)
        return;
    g_checksum_free(writer->heads);
    g_free(writer->waiting);
    g_free(writer);
}
