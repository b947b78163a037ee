/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A state of a volume leaves as a stream (common/format/stream.h): all of it, or what changed since
 * an earlier one. Nothing is changed, and domains may run meanwhile. */
#pragma once

#include "common/base/progress.h"
#include "common/format/partial-note.h"
#include "common/pool/pool.h"

typedef struct {
    const char *state; /* the volume or revision that is sent; of a volume the last committed state
                        */
    const char
        *from; /* the volume or revision that the receiver has already; NULL: a full stream */
    const RlPartialNote *resume; /* what the receiver has of this stream; NULL: nothing */
    int out;                     /* where the stream goes: a pipe, a socket or a file */
    RlProgress progress;
} RlSend;

/**
 * rl_send:
 * Writes the stream that @send describes. Holes and zeros are not sent. *@ret_sent are the bytes of
 * data in it. False with @error as rl_content_open() has it, or the errno of a read or of a write:
 * then the stream is cut off, and the receiver refuses it. RL_ERROR_BUSY where a process wrote to
 * one of the images meanwhile, or has it open for writing at the end. RL_ERROR_INVALID where
 * @send->resume is of other states.
 */
bool rl_send(const RlPool *pool, const RlSend *send, uint64_t *ret_sent, GError **error);
