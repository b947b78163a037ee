/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes a stream of pieces and holes into a draft, in a thread of its own, for somebody who must
 * not wait for a disk: an event loop. The last piece of the range counts as taken only when all is
 * durable. Of those before few are not: what a commit before the end of the range waits for has a
 * bound. */
#pragma once

#include "staged-image.h"

typedef struct RlUploadWriter RlUploadWriter;

typedef enum {
    RL_WRITER_TAKEN,  /* the writer has the piece */
    RL_WRITER_WAIT,   /* come again with the same piece when there is room */
    RL_WRITER_FAILED, /* with the error; nothing will be taken any more */
} RlWriterAnswer;

/**
 * rl_upload_writer_new:
 * Returns a writer into @draft (from rl_upload_begin()), which it takes over (also on failure),
 * from byte @offset on and for at most @length bytes (0: up to the draft's end). Owned by the
 * caller, who ends it with rl_upload_writer_end() or rl_upload_writer_commit(). NULL with
 * RL_ERROR_INVALID for a range that goes beyond the end, or an errno.
 */
RlUploadWriter *rl_upload_writer_new(RlStagedImage *draft, uint64_t offset, uint64_t length,
                                     GError **error);

/**
 * rl_upload_writer_room:
 * Returns a new descriptor that poll(2) reports as writable while the writer has room, owned by the
 * caller; -1 with @error.
 */
int rl_upload_writer_room(const RlUploadWriter *writer, GError **error);

/**
 * rl_upload_writer_put:
 * Offers @size bytes at @data. @error is set with RL_WRITER_FAILED: RL_ERROR_INVALID for more than
 * the range holds, or the errno of a write that failed, of this piece or one before. Whatever is
 * put after that, and the commit, fails with it too.
 */
RlWriterAnswer rl_upload_writer_put(RlUploadWriter *writer, const char *data, size_t size,
                                    GError **error);

/**
 * rl_upload_writer_put_hole:
 * Makes the next @length bytes a hole, later. Errors as for a piece; whatever is put after one, and
 * the commit, fails with it too.
 */
bool rl_upload_writer_put_hole(RlUploadWriter *writer, uint64_t length, GError **error);

/**
 * rl_upload_writer_commit:
 * All has been put: makes the draft the volume's content (rl_upload_commit(), waiting for the
 * volume's lock for @timeout_ms at most), and ends the writer. Waits until all is durable: after
 * the last piece of the range it is; else for 8 MiB at most, and for holes that were put last.
 * False with @error if anything failed since the beginning; then nothing has changed.
 */
bool rl_upload_writer_commit(RlUploadWriter *writer, int timeout_ms, GError **error);

/**
 * rl_upload_writer_end:
 * Ends the writer without any change to the volume. Does not wait.
 */
void rl_upload_writer_end(RlUploadWriter *writer);
