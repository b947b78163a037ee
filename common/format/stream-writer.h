/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes a stream (stream.h). What is small is written later, with what follows; at the end, all.
 */
#pragma once

#include "stream.h"

typedef struct RlStreamWriter RlStreamWriter;

/**
 * rl_stream_writer_new:
 * Begins a stream of the state @state on @fd, which stays the caller's: of what differs from @base,
 * or full where that is NULL. Returns the writer, owned by the caller; NULL with the errno of a
 * write.
 */
RlStreamWriter *rl_stream_writer_new(int fd, const RlStateId *state, const RlStateId *base,
                                     GError **error);

/**
 * rl_stream_writer_rest:
 * The stream is the rest of one that was cut off: no range begins before @offset, which is not 0.
 * To be called at once. False with the errno of a write.
 */
bool rl_stream_writer_rest(RlStreamWriter *writer, uint64_t offset, GError **error);

/**
 * rl_stream_writer_data:
 * The state has at @offset the @size bytes at @data, at most RL_STREAM_PAYLOAD_MAX. Ranges come in
 * the order of their offsets and do not overlap. False with the errno of a write.
 */
bool rl_stream_writer_data(RlStreamWriter *writer, uint64_t offset, const void *data, size_t size,
                           GError **error);

/**
 * rl_stream_writer_hole:
 * The state has @length bytes of zeros at @offset. A hole that touches the one before becomes one
 * with it. Errors as above.
 */
bool rl_stream_writer_hole(RlStreamWriter *writer, uint64_t offset, uint64_t length,
                           GError **error);

/**
 * rl_stream_writer_end:
 * Ends the stream. Errors as above: then it is none.
 */
bool rl_stream_writer_end(RlStreamWriter *writer, GError **error);

/**
 * rl_stream_writer_free:
 * Frees @writer; nothing for NULL. A stream that was not ended is one that was cut off.
 */
void rl_stream_writer_free(RlStreamWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlStreamWriter, rl_stream_writer_free)
