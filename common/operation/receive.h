/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream (common/format/stream.h) becomes a new volume, or the next state of one. */
#pragma once

#include "common/base/progress.h"
#include "common/format/state-id.h"
#include "common/pool/pool.h"

typedef struct {
    bool incremental;  /* the stream had changes to the state that the volume was in */
    bool created;      /* the volume is new */
    uint64_t revision; /* else: what the state before is now */
    RlStateId state;   /* which state was received */
    uint64_t moved;    /* bytes of data that were in the stream */
} RlReceived;

typedef struct {
    const char *name;    /* the volume */
    int in;              /* where the stream comes from */
    uint64_t keep_every; /* bytes of data after which what came is kept (partial-image.h), as it is
                            at a failure; 0: only of a stream that is the rest of another */
    RlProgress progress;
} RlReceive;

/* For @keep_every: little is to be sent again, and few fsyncs wait for the disk. */
#define RL_RECEIVE_KEEP_EVERY (256 * 1024 * 1024)

/**
 * rl_receive:
 * Reads a stream as @receive says and makes of it the volume in @pool, which it takes over (also on
 * failure). A full stream makes the volume where there is none, persistent; else it replaces the
 * content, whatever that is. An incremental one is refused unless the clean image is the state that
 * it begins with (state-id.h). The former content becomes the next automatic revision, as after an
 * upload. Reads nothing beyond the end of the stream. The caller puts the volume in order after it
 * (rl_volume_maintain()).
 *
 * A stream that is damaged, cut off or not well-formed changes nothing (errors of
 * stream-reader.h); nor does one that does not fit (RL_ERROR_STATE), or a volume that runs, is left
 * or changes meanwhile (errors of rl_upload_begin() and rl_upload_commit()), or an errno.
 * With @keep_every what came stays as a temporary then, if it is durable, and rl_send() can be
 * asked for the rest (RlSend.resume); a stream with the rest of one that is not kept here fails
 * with RL_ERROR_NOT_FOUND. Each part of it was right by its own checksums.
 *
 * Steps, and what a crash after each leaves:
 * - an unnamed file, for a volume that is there a reflink of its clean image: the old state.
 * - data and holes, as they come; at the end of the stream, when all checksums were right, the note
 *   of what was received; fsync: the old state. With @keep_every also what is kept.
 * - of a new volume: link, fsync(directory): no volume, or the whole one.
 * - of another: the clean image gets the name of its revision; rename over it; fsync(directory):
 *   the old state (and a revision that is the clean image itself), or the new one.
 */
bool rl_receive(RlPool *pool, const RlReceive *receive, RlReceived *ret_received, GError **error);
