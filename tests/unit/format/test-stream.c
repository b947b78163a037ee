/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams: what was written is read; what was damaged, cut off or put together by a stranger is
 * refused, wherever that is. */
#include "common/base/autofd.h"
#include "common/base/crc32c.h"
#include "common/format/stream-reader.h"
#include "common/format/stream-writer.h"
#include "harness/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define ID_A "0123456789abcdef0123456789abcdef"
#define ID_B "fedcba9876543210fedcba9876543210"

static const RlStateId state = {ID_A, 10 * MIB, {1700000000, 123456789}};
static const RlStateId base = {ID_B, 5 * MIB, {-1, 0}};

static int
new_file(void)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static RlStreamWriter *
begin(int fd, const RlStateId *on)
{
    GError *error = NULL;
    RlStreamWriter *writer = rl_stream_writer_new(fd, &state, on, &error);

    g_assert_no_error(error);
    return writer;
}

/* A stream with all types of parts. */
static int
usual_stream(void)
{
    rl_autofd int fd = new_file();
    g_autoptr(RlStreamWriter) writer = begin(fd, &base);

    g_assert_true(rl_stream_writer_data(writer, 0, "abc", 3, NULL));
    g_assert_true(rl_stream_writer_hole(writer, MIB, MIB, NULL));
    g_assert_true(rl_stream_writer_hole(writer, 2 * MIB, MIB, NULL));
    g_assert_true(rl_stream_writer_hole(writer, 4 * MIB, 1, NULL));
    g_assert_true(rl_stream_writer_data(writer, 10 * MIB - 4, "last", 4, NULL));
    g_assert_true(rl_stream_writer_end(writer, NULL));
    return rl_fd_steal(&fd);
}

/* What is read of @fd, from its beginning: "DATA 0+3 abc, ..."; NULL with @error. Owned by the
 * caller. */
static char *
read_stream(int fd, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    g_autoptr(RlStreamReader) reader = rl_stream_reader_new(fd, error);
    while (reader) {
        RlPartHead head;
        const uint8_t *data;
        if (!rl_stream_reader_next(reader, &head, &data, error))
            break;
        if (head.type == RL_PART_END)
            return g_string_free(g_steal_pointer(&text), FALSE);
        g_assert_true((data != NULL) == (head.type == RL_PART_DATA));
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT " %.*s ",
                               data ? "" : "hole ", head.offset, head.length,
                               data ? (int) head.length : 0, (const char *) data);
    }
    return NULL;
}

static void
reads_as(int fd, const char *wanted)
{
    GError *error = NULL;
    g_autofree char *text = read_stream(fd, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, wanted);
}

static void
is_refused(int fd, int code, const char *words)
{
    GError *error = NULL;
    g_autofree char *text = read_stream(fd, &error);

    g_assert_null(text);
    take_error(error, code, words);
}

static void
test_checksum(void)
{
    static const uint8_t zeros[32];
    char digits[] = "123456789";

    /* RFC 3720, B.4, and the usual check value. */
    g_assert_cmphex(rl_crc32c(zeros, sizeof(zeros)), ==, 0x8a9136aa);
    g_assert_cmphex(rl_crc32c(digits, 9), ==, 0xe3069283);
    g_assert_cmphex(rl_crc32c("", 0), ==, 0);
}

/* Bit by bit, as the polynomial has it. */
static uint32_t
slow_checksum(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

/* Each size takes another way. */
static void
test_checksums_of_all_sizes(void)
{
    static uint8_t data[MIB / 4];
    const size_t sizes[] = {1, 7, 8, 9, 4096, 64 * KIB - 1, 64 * KIB, 64 * KIB + 5, 200001};

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t) g_test_rand_int();
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
        g_assert_cmphex(rl_crc32c(data + 1, sizes[i]), ==, slow_checksum(data + 1, sizes[i]));
}

static void
test_round_trip(void)
{
    rl_autofd int fd = usual_stream();

    reads_as(fd, "0+3 abc hole 1048576+2097152  hole 4194304+1  10485756+4 last ");
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    g_autoptr(RlStreamReader) reader = rl_stream_reader_new(fd, NULL);
    g_assert_true(rl_state_id_same(rl_stream_reader_state(reader), &state));
    g_assert_true(rl_state_id_same(rl_stream_reader_base(reader), &base));
    g_assert_false(rl_state_id_same(&state, &base));
}

/* The rest of a stream says where it begins, and nothing of what is before. */
static void
test_rest(void)
{
    rl_autofd int fd = new_file();
    g_autoptr(RlStreamWriter) writer = begin(fd, &base);

    g_assert_true(rl_stream_writer_rest(writer, 3, NULL));
    g_assert_true(rl_stream_writer_data(writer, 3, "abc", 3, NULL));
    g_assert_true(rl_stream_writer_end(writer, NULL));
    reads_as(fd, "3+3 abc ");
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    g_autoptr(RlStreamReader) reader = rl_stream_reader_new(fd, NULL);
    g_assert_cmpuint(rl_stream_reader_rest(reader), ==, 3);

    rl_autofd int before = new_file();
    g_autoptr(RlStreamWriter) wrong = begin(before, NULL);
    g_assert_true(rl_stream_writer_rest(wrong, 3, NULL));
    g_assert_true(rl_stream_writer_data(wrong, 2, "abc", 3, NULL));
    g_assert_true(rl_stream_writer_end(wrong, NULL));
    is_refused(before, RL_ERROR_INVALID, "part 2 & overlaps");
}

static void
test_empty_and_full(void)
{
    rl_autofd int fd = new_file();
    g_autoptr(RlStreamWriter) writer = begin(fd, NULL);

    g_assert_true(rl_stream_writer_end(writer, NULL));
    reads_as(fd, "");
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    g_autoptr(RlStreamReader) reader = rl_stream_reader_new(fd, NULL);
    g_assert_null(rl_stream_reader_base(reader));
}

/* Nothing behind the end is taken: another stream can follow. */
static void
test_one_after_the_other(void)
{
    rl_autofd int fd = usual_stream();
    off_t size = lseek(fd, 0, SEEK_END);

    g_assert_cmpint(write(fd, "more", 4), ==, 4);
    g_autofree char *text = read_stream(fd, NULL);
    g_assert_nonnull(text);
    g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, size);
}

static void
test_cut_at_every_byte(void)
{
    rl_autofd int fd = usual_stream();

    for (off_t size = lseek(fd, 0, SEEK_END) - 1; size >= 0; size--) {
        g_assert_cmpint(ftruncate(fd, size), ==, 0);
        is_refused(fd, RL_ERROR_INVALID, "cut off");
    }
}

static void
test_every_bit_counts(void)
{
    rl_autofd int fd = usual_stream();
    off_t size = lseek(fd, 0, SEEK_END);

    for (off_t at = 0; at < size; at++) {
        uint8_t byte, other;
        g_assert_cmpint(pread(fd, &byte, 1, at), ==, 1);
        other = byte ^ (uint8_t) (1 << at % 8);
        g_assert_cmpint(pwrite(fd, &other, 1, at), ==, 1);
        GError *error = NULL;
        g_autofree char *text = read_stream(fd, &error);
        g_assert_null(text);
        g_assert_nonnull(error);
        g_clear_error(&error);
        g_assert_cmpint(pwrite(fd, &byte, 1, at), ==, 1);
    }
}

static void
test_other_versions(void)
{
    rl_autofd int fd = usual_stream();

    g_assert_cmpint(pwrite(fd, "\x02", 1, 8), ==, 1);
    is_refused(fd, RL_ERROR_UNSUPPORTED, "version 2");
}

/* A part left out, or two that change places, have right checksums of their own. */
static void
test_parts_that_miss(void)
{
    rl_autofd int fd = usual_stream();
    const off_t data = RL_STREAM_MAGIC_SIZE + 2 * (RL_STREAM_HEAD_SIZE + RL_STREAM_STATE_SIZE);
    const off_t behind = data + RL_STREAM_HEAD_SIZE + 3;
    char rest[4096];
    ssize_t n = pread(fd, rest, sizeof(rest), behind);

    g_assert_cmpint(pwrite(fd, rest, (size_t) n, data), ==, n);
    is_refused(fd, RL_ERROR_INVALID, "part 3 & part 2");
}

/* With right checksums: what a stranger wrote. */
typedef struct {
    int fd;
    uint64_t number;
} Forger;

static void
forge(Forger *forger, RlPartHead head, const void *payload)
{
    uint8_t bytes[RL_STREAM_HEAD_SIZE];

    head.number = forger->number++;
    head.payload_checksum = rl_crc32c(payload, head.payload);
    rl_part_head_write(&head, bytes);
    g_assert_cmpint(write(forger->fd, bytes, sizeof(bytes)), ==, sizeof(bytes));
    g_assert_cmpint(write(forger->fd, payload, head.payload), ==, head.payload);
}

static void
forge_state(Forger *forger, RlPartType type, const RlStateId *id)
{
    uint8_t payload[RL_STREAM_STATE_SIZE];

    rl_stream_state_write(id, payload);
    forge(forger, (RlPartHead){.type = type, .payload = sizeof(payload)}, payload);
}

static Forger
new_forger(bool with_state)
{
    Forger forger = {new_file(), 0};
    uint8_t bytes[RL_STREAM_MAGIC_SIZE];

    rl_stream_magic(bytes);
    g_assert_cmpint(write(forger.fd, bytes, sizeof(bytes)), ==, sizeof(bytes));
    if (with_state)
        forge_state(&forger, RL_PART_STATE, &state);
    return forger;
}

/* A second part that must be refused. */
static void
refuses_part(RlPartHead head, const char *words)
{
    Forger forger = new_forger(true);
    static const char zeros[64];

    g_assert_cmpint(head.payload, <=, sizeof(zeros));
    forge(&forger, head, zeros);
    forge(&forger, (RlPartHead){.type = RL_PART_END, .payload = RL_STREAM_SUM_SIZE}, zeros);
    is_refused(forger.fd, RL_ERROR_INVALID, words);
    close(forger.fd);
}

static void
test_forged_parts(void)
{
    const RlPartType hole = RL_PART_HOLE, data = RL_PART_DATA, end = RL_PART_END;

    refuses_part((RlPartHead){.type = hole, .offset = 10 * MIB, .length = 1}, "exceeds");
    refuses_part((RlPartHead){.type = hole, .offset = 1, .length = UINT64_MAX}, "exceeds");
    refuses_part((RlPartHead){.type = hole, .offset = UINT64_MAX, .length = 2}, "exceeds");
    refuses_part((RlPartHead){.type = hole, .offset = 1}, "well-formed");
    refuses_part((RlPartHead){.type = hole, .length = 1, .payload = 1}, "well-formed");
    refuses_part((RlPartHead){.type = data, .length = 2, .payload = 1}, "well-formed");
    refuses_part((RlPartHead){.type = data}, "well-formed");
    refuses_part((RlPartHead){.type = data, .length = UINT64_MAX - 31, .payload = 32},
                 "well-formed");
    refuses_part((RlPartHead){.type = end, .payload = 31}, "well-formed");
    refuses_part((RlPartHead){.type = end, .offset = 1, .payload = 32}, "well-formed");
    refuses_part((RlPartHead){.type = RL_PART_BASE, .payload = 52}, "not valid");
    refuses_part((RlPartHead){.type = RL_PART_STATE, .payload = 52}, "state & data");
    refuses_part((RlPartHead){.type = RL_PART_REST, .payload = 8}, "offset");
    refuses_part((RlPartHead){.type = RL_PART_REST, .payload = 9}, "well-formed");
    refuses_part((RlPartHead){.type = end, .payload = 32}, "the whole");
}

/* A payload is as large as its head says before any of it is read. */
static void
test_large_payloads(void)
{
    uint8_t bytes[RL_STREAM_HEAD_SIZE];
    RlPartHead head = {.type = RL_PART_DATA, .payload = RL_STREAM_PAYLOAD_MAX + 1};

    head.length = head.payload;
    rl_part_head_write(&head, bytes);
    GError *error = NULL;
    g_assert_false(rl_part_head_read(bytes, &head, &error));
    take_error(error, RL_ERROR_INVALID, "well-formed");
}

static void
test_forged_order(void)
{
    Forger forger = new_forger(true);

    forge(&forger, (RlPartHead){.type = RL_PART_HOLE, .offset = 4096, .length = 4096}, "");
    forge(&forger, (RlPartHead){.type = RL_PART_DATA, .offset = 8191, .length = 1, .payload = 1},
          "x");
    is_refused(forger.fd, RL_ERROR_INVALID, "part 2 & overlaps");
    close(forger.fd);

    forger = new_forger(false);
    forge(&forger, (RlPartHead){.type = RL_PART_HOLE, .length = 1}, "");
    is_refused(forger.fd, RL_ERROR_INVALID, "does not begin");
    close(forger.fd);

    forger = new_forger(true);
    forge_state(&forger, RL_PART_BASE, &base);
    forge_state(&forger, RL_PART_BASE, &base);
    is_refused(forger.fd, RL_ERROR_INVALID, "where data belongs");
    close(forger.fd);

    forger = new_forger(true);
    forge(&forger, (RlPartHead){.type = RL_PART_HOLE, .offset = 4096, .length = 4096}, "");
    forge(&forger, (RlPartHead){.type = RL_PART_REST, .payload = RL_STREAM_OFFSET_SIZE},
          "\1\0\0\0\0\0\0");
    is_refused(forger.fd, RL_ERROR_INVALID, "where data belongs");
    close(forger.fd);
}

static void
refuses_state(RlStateId id)
{
    Forger forger = new_forger(false);

    forge_state(&forger, RL_PART_STATE, &id);
    is_refused(forger.fd, RL_ERROR_INVALID, "not valid");
    close(forger.fd);
}

static void
test_forged_states(void)
{
    refuses_state((RlStateId){"../../../../../../../../etc/pas", 1, {0, 0}});
    refuses_state((RlStateId){"0123456789ABCDEF0123456789abcdef", 1, {0, 0}});
    refuses_state((RlStateId){ID_A, (uint64_t) INT64_MAX + 1, {0, 0}});
    refuses_state((RlStateId){ID_A, 1, {0, 1000000000}});
}

/* --- what cannot be written */

/* Parts of @size bytes in all, small enough to wait for others. */
static bool
write_small(RlStreamWriter *writer, size_t size, GError **error)
{
    static const char bytes[24 * KIB] = "small";

    for (size_t done = 0, part; done < size; done += part) {
        part = MIN(sizeof(bytes), size - done);
        if (!rl_stream_writer_data(writer, done, bytes, part, error))
            return false;
    }
    return true;
}

typedef bool (*Next)(RlStreamWriter *writer, GError **error);

static bool
data_next(RlStreamWriter *writer, GError **error)
{
    return rl_stream_writer_data(writer, 3 * MIB, "x", 1, error);
}

static bool
hole_next(RlStreamWriter *writer, GError **error)
{
    return rl_stream_writer_hole(writer, 4 * MIB, KIB, error);
}

static bool
end_next(RlStreamWriter *writer, GError **error)
{
    return rl_stream_writer_end(writer, error);
}

/* A disk that is full: each of these steps may be the first that writes, and then it says so. True
 * if @next was it. */
static bool
next_fails(size_t size, Next next)
{
    rl_autofd int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    g_autoptr(RlStreamWriter) writer = begin(fd, NULL);
    GError *error = NULL;
    bool before =
        write_small(writer, size, &error) && rl_stream_writer_hole(writer, 2 * MIB, KIB, &error);
    bool failed = before && !next(writer, &error);

    if (before && !failed)
        g_assert_false(rl_stream_writer_end(writer, &error));
    g_assert_true(g_error_matches(error, RL_ERRNO, ENOSPC));
    g_assert_nonnull(strstr(error->message, "stream"));
    g_error_free(error);
    return failed;
}

/* As much waits before it as there is room for, or somewhat less. */
static void
next_fails_somewhere(Next next)
{
    guint failures = 0;

    for (size_t size = 120 * KIB; size < 132 * KIB; size += RL_STREAM_HEAD_SIZE / 2)
        failures += next_fails(size, next);
    g_assert_cmpuint(failures, >, 0);
}

static void
test_full_disk(void)
{
    next_fails_somewhere(data_next);
    next_fails_somewhere(hole_next);
    next_fails_somewhere(end_next);
}

/* Parts that wait are written when there are enough, and only once. */
static void
test_many_small_parts(void)
{
    rl_autofd int fd = new_file();
    g_autoptr(RlStreamWriter) writer = begin(fd, NULL);
    GError *error = NULL;

    g_assert_true(write_small(writer, MIB, &error));
    g_assert_cmpint(lseek(fd, 0, SEEK_END), >, 768 * KIB);
    g_assert_true(rl_stream_writer_data(writer, 5 * MIB, "last", 4, &error));
    g_assert_true(rl_stream_writer_end(writer, &error));
    g_autofree char *text = read_stream(fd, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(text, "last"));
}

void
add_tests(void)
{
    g_test_add_func("/stream/checksum", test_checksum);
    g_test_add_func("/stream/checksums-of-all-sizes", test_checksums_of_all_sizes);
    g_test_add_func("/stream/round-trip", test_round_trip);
    g_test_add_func("/stream/rest", test_rest);
    g_test_add_func("/stream/empty-and-full", test_empty_and_full);
    g_test_add_func("/stream/one-after-the-other", test_one_after_the_other);
    g_test_add_func("/stream/cut-at-every-byte", test_cut_at_every_byte);
    g_test_add_func("/stream/every-bit-counts", test_every_bit_counts);
    g_test_add_func("/stream/other-versions", test_other_versions);
    g_test_add_func("/stream/parts-that-miss", test_parts_that_miss);
    g_test_add_func("/stream/forged-parts", test_forged_parts);
    g_test_add_func("/stream/large-payloads", test_large_payloads);
    g_test_add_func("/stream/forged-order", test_forged_order);
    g_test_add_func("/stream/forged-states", test_forged_states);
    g_test_add_func("/stream/full-disk", test_full_disk);
    g_test_add_func("/stream/many-small-parts", test_many_small_parts);
}
