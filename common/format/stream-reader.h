/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a stream (stream.h) as what a stranger may have made: nothing of a part is given out before
 * its checksum was found right, and nothing may be published before the end was read. */
#pragma once

#include "stream.h"

typedef struct RlStreamReader RlStreamReader;

/**
 * rl_stream_reader_new:
 * Begins to read a stream from @fd, which stays the caller's, and reads which states it is about.
 * Takes never more bytes from @fd than the stream has. Returns the reader, owned by the caller;
 * NULL with RL_ERROR_INVALID for what is no stream, is damaged or ends too early,
 * RL_ERROR_UNSUPPORTED for a version that is unknown, or an errno.
 */
RlStreamReader *rl_stream_reader_new(int fd, GError **error);

/**
 * rl_stream_reader_state:
 * Which state the stream brings; borrowed.
 */
const RlStateId *rl_stream_reader_state(const RlStreamReader *reader);

/**
 * rl_stream_reader_base:
 * Which state the changes of an incremental stream are to; borrowed. NULL of a full stream, in
 * which what no part speaks of is a hole.
 */
const RlStateId *rl_stream_reader_base(const RlStreamReader *reader);

/**
 * rl_stream_reader_rest:
 * Where the stream goes on that was cut off, if it is the rest of one: what lies before came with
 * an earlier stream. 0 of a stream that has all.
 */
uint64_t rl_stream_reader_rest(const RlStreamReader *reader);

/**
 * rl_stream_reader_next:
 * Reads the next part: RL_PART_DATA (with its bytes in *@ret_data, borrowed until the next call),
 * RL_PART_HOLE or, the last time, RL_PART_END. Ranges lie within the state's size, each behind the
 * one before. Errors as rl_stream_reader_new(); then there is no next part.
 */
bool rl_stream_reader_next(RlStreamReader *reader, RlPartHead *ret_head, const uint8_t **ret_data,
                           GError **error);

/**
 * rl_stream_reader_free:
 * Frees @reader; nothing for NULL.
 */
void rl_stream_reader_free(RlStreamReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlStreamReader, rl_stream_reader_free)
