/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stream that a state of a volume is sent as: docs/stream.md has the format. A stream begins
 * with RL_STREAM_MAGIC; parts follow, each a head and its payload. */
#pragma once

#include "state-id.h"

#define RL_STREAM_VERSION 1
#define RL_STREAM_MAGIC_SIZE 12 /* the magic, then the version */
#define RL_STREAM_HEAD_SIZE 40
#define RL_STREAM_STATE_SIZE 52             /* the payload that is a state */
#define RL_STREAM_OFFSET_SIZE 8             /* the payload that is an offset */
#define RL_STREAM_SUM_SIZE 32               /* the payload that is a SHA-256 */
#define RL_STREAM_PAYLOAD_MAX (1024 * 1024) /* bytes */

typedef enum {
    RL_PART_STATE, /* the first part: which state this is */
    RL_PART_BASE,  /* the second one of an incremental stream: the state that it begins with */
    RL_PART_REST,  /* behind those: what lies before an offset came with an earlier stream */
    RL_PART_DATA,  /* the image has these bytes there */
    RL_PART_HOLE,  /* the image has zeros there */
    RL_PART_END,   /* the last part: the sum of all */
} RlPartType;

/* A head, read or to be written. */
typedef struct {
    RlPartType type;
    uint32_t payload;          /* bytes that follow the head */
    uint64_t offset, length;   /* of the image, for data and holes; else 0 */
    uint64_t number;           /* of the part: 0, 1, 2, ... */
    uint32_t payload_checksum; /* CRC-32C */
} RlPartHead;

/**
 * rl_stream_magic:
 * Writes the magic and the version to @bytes, of RL_STREAM_MAGIC_SIZE.
 */
void rl_stream_magic(uint8_t *bytes);

/**
 * rl_stream_check_magic:
 * True if @bytes, of RL_STREAM_MAGIC_SIZE, begin a stream that is read here. RL_ERROR_INVALID where
 * they begin no stream, RL_ERROR_UNSUPPORTED where its version is another one.
 */
bool rl_stream_check_magic(const uint8_t *bytes, GError **error);

/**
 * rl_part_head_write:
 * Writes @head with its checksum to @bytes, of RL_STREAM_HEAD_SIZE.
 */
void rl_part_head_write(const RlPartHead *head, uint8_t *bytes);

/**
 * rl_part_head_read:
 * Reads a head from @bytes, of RL_STREAM_HEAD_SIZE. RL_ERROR_INVALID where it is damaged, or says
 * what no head of its type can say. What depends on other parts is for the caller to check.
 */
bool rl_part_head_read(const uint8_t *bytes, RlPartHead *ret_head, GError **error);

/**
 * rl_stream_state_write, rl_stream_state_read:
 * A state as a payload of RL_STREAM_STATE_SIZE. Reading one that is none fails with
 * RL_ERROR_INVALID.
 */
void rl_stream_state_write(const RlStateId *state, uint8_t *bytes);
bool rl_stream_state_read(const uint8_t *bytes, RlStateId *ret_state, GError **error);

/**
 * rl_stream_offset_write, rl_stream_offset_read:
 * An offset as a payload of RL_STREAM_OFFSET_SIZE.
 */
void rl_stream_offset_write(uint64_t offset, uint8_t *bytes);
uint64_t rl_stream_offset_read(const uint8_t *bytes);
