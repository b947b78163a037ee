/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream.h"

#include <string.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"

#define ID_SIZE RL_STATE_ID_DIGITS
#define CHECKED_SIZE (RL_STREAM_HEAD_SIZE - 4) /* of a head: all but its own checksum */

/* A byte that no text has, a line end of both kinds and an end of file: what is sent as text does
 * not come through whole, and is found at once. */
static const uint8_t magic[8] = {0x89, 'R', 'L', 'S', '\r', '\n', 0x1a, '\n'};

/* What a head of each type looks like. */
static const struct {
    char word[5];
    bool has_range;
    uint32_t payload; /* bytes, exactly; of data: as many as its range has */
} types[] = {
    [RL_PART_STATE] = {"STAT", false, RL_STREAM_STATE_SIZE},
    [RL_PART_BASE] = {"BASE", false, RL_STREAM_STATE_SIZE},
    [RL_PART_REST] = {"REST", false, RL_STREAM_OFFSET_SIZE},
    [RL_PART_DATA] = {"DATA", true, 0},
    [RL_PART_HOLE] = {"HOLE", true, 0},
    [RL_PART_END] = {"END ", false, RL_STREAM_SUM_SIZE},
};

/* Little-endian numbers. */
static void
put32(uint8_t *bytes, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(bytes, &value, sizeof(value));
}

static void
put64(uint8_t *bytes, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    memcpy(bytes, &value, sizeof(value));
}

static uint32_t
get32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return GUINT32_FROM_LE(value);
}

static uint64_t
get64(const uint8_t *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return GUINT64_FROM_LE(value);
}

void
rl_stream_magic(uint8_t *bytes)
{
    memcpy(bytes, magic, sizeof(magic));
    put32(bytes + sizeof(magic), RL_STREAM_VERSION);
}

bool
rl_stream_check_magic(const uint8_t *bytes, GError **error)
{
    if (memcmp(bytes, magic, sizeof(magic)) != 0)
        return rl_fail(
            error, RL_ERROR_INVALID,
            "the input is not a stream of 'virt-reflink send', or was damaged on the way");
    uint32_t version = get32(bytes + sizeof(magic));
    if (version != RL_STREAM_VERSION)
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "the stream has version %u, and only version %u can be read here: update "
                       "libvirt-reflink on this host",
                       version, RL_STREAM_VERSION);
    return true;
}

void
rl_part_head_write(const RlPartHead *head, uint8_t *bytes)
{
    memcpy(bytes, types[head->type].word, 4);
    put32(bytes + 4, head->payload);
    put64(bytes + 8, head->offset);
    put64(bytes + 16, head->length);
    put64(bytes + 24, head->number);
    put32(bytes + 32, head->payload_checksum);
    put32(bytes + CHECKED_SIZE, rl_crc32c(bytes, CHECKED_SIZE));
}

static bool
is_well_formed(const RlPartHead *head)
{
    bool has_range = types[head->type].has_range;
    uint64_t payload = head->type == RL_PART_DATA ? head->length : types[head->type].payload;

    if (has_range ? head->length == 0 : head->offset || head->length)
        return false;
    return head->payload == payload && payload <= RL_STREAM_PAYLOAD_MAX;
}

bool
rl_part_head_read(const uint8_t *bytes, RlPartHead *ret_head, GError **error)
{
    RlPartHead head = {.payload = get32(bytes + 4),
                       .offset = get64(bytes + 8),
                       .length = get64(bytes + 16),
                       .number = get64(bytes + 24),
                       .payload_checksum = get32(bytes + 32)};
    size_t type = 0;

    if (get32(bytes + CHECKED_SIZE) != rl_crc32c(bytes, CHECKED_SIZE))
        return rl_fail(
            error, RL_ERROR_INVALID,
            "the stream is damaged: the head of a part has a wrong checksum. Send it again");
    while (type < G_N_ELEMENTS(types) && memcmp(bytes, types[type].word, 4) != 0)
        type++;
    if (type == G_N_ELEMENTS(types))
        return rl_fail(error, RL_ERROR_INVALID,
                       "the stream is invalid: it has a part of an unknown type");
    head.type = (RlPartType) type;
    if (!is_well_formed(&head))
        return rl_fail(error, RL_ERROR_INVALID,
                       "the stream is invalid: the head of a part is not well-formed");
    *ret_head = head;
    return true;
}

void
rl_stream_state_write(const RlStateId *state, uint8_t *bytes)
{
    memcpy(bytes, state->id, ID_SIZE);
    put64(bytes + ID_SIZE, state->size);
    put64(bytes + ID_SIZE + 8, (uint64_t) state->date.tv_sec);
    put32(bytes + ID_SIZE + 16, (uint32_t) state->date.tv_nsec);
}

bool
rl_stream_state_read(const uint8_t *bytes, RlStateId *ret_state, GError **error)
{
    RlStateId state = {.size = get64(bytes + ID_SIZE),
                       .date.tv_sec = (time_t) (int64_t) get64(bytes + ID_SIZE + 8),
                       .date.tv_nsec = (long) get32(bytes + ID_SIZE + 16)};

    memcpy(state.id, bytes, ID_SIZE);
    if (!rl_state_id_is_valid(&state))
        return rl_fail(error, RL_ERROR_INVALID,
                       "the stream is invalid: the id, size or date of its state is not valid");
    *ret_state = state;
    return true;
}

void
rl_stream_offset_write(uint64_t offset, uint8_t *bytes)
{
    put64(bytes, offset);
}

uint64_t
rl_stream_offset_read(const uint8_t *bytes)
{
    return get64(bytes);
}
