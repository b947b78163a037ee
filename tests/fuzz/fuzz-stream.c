/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams, as receive reads them: whatever comes, parts lie within the state and behind each other,
 * and what is accepted is a stream that can be written again. The input's checksums are made right
 * first if its first byte is odd: else few inputs come beyond the first head. */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/crc32c.h"
#include "common/format/partial-note.h"
#include "common/format/stream-reader.h"
#include "common/format/stream-writer.h"

static int
new_file(const void *data, size_t size)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pwrite(fd, data, size, 0), ==, (gssize) size);
    return fd;
}

/* Gives each part its number and right checksums, as far as their heads go on. */
static void
mend(uint8_t *bytes, size_t size)
{
    g_autoptr(GChecksum) heads = g_checksum_new(G_CHECKSUM_SHA256);
    size_t at = RL_STREAM_MAGIC_SIZE;

    if (size < at)
        return;
    rl_stream_magic(bytes);
    g_checksum_update(heads, bytes, RL_STREAM_MAGIC_SIZE);
    for (uint64_t number = 0; size - at >= RL_STREAM_HEAD_SIZE; number++) {
        uint8_t *head = bytes + at, *payload = head + RL_STREAM_HEAD_SIZE;
        uint32_t length, checksum;
        gsize sum = RL_STREAM_SUM_SIZE;
        memcpy(&length, head + 4, sizeof(length));
        length = GUINT32_FROM_LE(length);
        if (length > size - at - RL_STREAM_HEAD_SIZE)
            length = (uint32_t) (size - at - RL_STREAM_HEAD_SIZE);
        uint64_t le = GUINT64_TO_LE(number);
        memcpy(head + 24, &le, sizeof(le));
        if (memcmp(head, "END ", 4) == 0 && length == sum) {
            g_autoptr(GChecksum) all = g_checksum_copy(heads);
            g_checksum_get_digest(all, payload, &sum);
        }
        checksum = GUINT32_TO_LE(rl_crc32c(payload, length));
        memcpy(head + 32, &checksum, sizeof(checksum));
        checksum = GUINT32_TO_LE(rl_crc32c(head, RL_STREAM_HEAD_SIZE - 4));
        memcpy(head + 36, &checksum, sizeof(checksum));
        g_checksum_update(heads, head, RL_STREAM_HEAD_SIZE);
        at += RL_STREAM_HEAD_SIZE + length;
    }
}

/* Reads one part, and writes it again. */
static bool
copy_part(RlStreamReader *reader, RlStreamWriter *writer, uint64_t *at, bool *ret_end)
{
    const RlStateId *state = rl_stream_reader_state(reader);
    const uint8_t *data;
    RlPartHead head;
    GError *error = NULL;
    bool done = rl_stream_reader_next(reader, &head, &data, &error);

    check_error(!done, error);
    if (!done)
        return false;
    *ret_end = head.type == RL_PART_END;
    g_assert_true((data != NULL) == (head.type == RL_PART_DATA));
    if (*ret_end)
        return rl_stream_writer_end(writer, NULL);
    g_assert_true(head.type == RL_PART_DATA || head.type == RL_PART_HOLE);
    g_assert_cmpuint(head.length, >, 0);
    g_assert_cmpuint(head.offset, >=, *at);
    g_assert_cmpuint(head.offset, <=, state->size);
    g_assert_cmpuint(head.length, <=, state->size - head.offset);
    *at = head.offset + head.length;
    return data ? rl_stream_writer_data(writer, head.offset, data, head.length, NULL)
                : rl_stream_writer_hole(writer, head.offset, head.length, NULL);
}

/* Returns what was read, written again; -1 for no stream. */
static int
copy_stream(int fd)
{
    GError *error = NULL;
    g_autoptr(RlStreamReader) reader = rl_stream_reader_new(fd, &error);
    uint64_t at = 0;
    bool end = false;

    check_error(!reader, error);
    if (!reader)
        return -1;
    g_assert_true(rl_state_id_is_valid(rl_stream_reader_state(reader)));
    int copy = new_file("", 0);
    g_autoptr(RlStreamWriter) writer = rl_stream_writer_new(copy, rl_stream_reader_state(reader),
                                                            rl_stream_reader_base(reader), NULL);
    if (rl_stream_reader_rest(reader)) {
        at = rl_stream_reader_rest(reader);
        g_assert_cmpuint(at, <=, rl_stream_reader_state(reader)->size);
        rl_stream_writer_rest(writer, at, NULL);
    }
    while (!end && copy_part(reader, writer, &at, &end))
        ;
    if (end)
        return copy;
    close(copy);
    return -1;
}

/* As the token of a stream that was cut off: what is accepted is written as it was read. */
static void
read_token(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *) data, size);
    RlPartialNote note;
    GError *error = NULL;
    bool done = rl_partial_note_parse(text, &note, &error);

    check_error(!done, error);
    if (!done)
        return;
    g_assert_cmpuint(note.at, <=, note.state.size);
    g_autofree char *written = rl_partial_note_format(&note);
    RlPartialNote again;
    g_assert_true(rl_partial_note_parse(written, &again, NULL));
    g_assert_true(rl_partial_note_same(&note, &again) && note.at == again.at);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    read_token(data, size);
    g_autofree uint8_t *bytes = g_memdup2(data + 1, size - 1);
    if (data[0] & 1)
        mend(bytes, size - 1);
    int fd = new_file(bytes, size - 1);
    int copy = copy_stream(fd);

    close(fd);
    if (copy < 0)
        return 0;
    g_assert_cmpint(lseek(copy, 0, SEEK_SET), ==, 0);
    int again = copy_stream(copy);
    if (again < 0)
        broken("a stream that was accepted is refused when it is written again");
    close(copy);
    close(again);
    return 0;
}
