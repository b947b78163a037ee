/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What came of a stream that was cut off: noted on the temporary file that has it, and told to the
 * sender as the token of 'send --resume-from'. */
#pragma once

#include "state-id.h"

typedef struct {
    uint64_t at;      /* what lies before this offset, in bytes, is that of the state; not 0 */
    RlStateId state;  /* which the stream brings */
    bool incremental; /* the stream has changes to @base; else what it says nothing of is zeros */
    RlStateId base;
} RlPartialNote;

/**
 * rl_partial_note_format, rl_partial_note_parse:
 * The note as text without blanks, OFFSET,STATE or OFFSET,STATE,BASE, owned by the caller; and
 * back: RL_ERROR_INVALID where @text is none.
 */
char *rl_partial_note_format(const RlPartialNote *note);
bool rl_partial_note_parse(const char *text, RlPartialNote *ret_note, GError **error);

/**
 * rl_partial_note_same:
 * True if both are of streams with the same states.
 */
bool rl_partial_note_same(const RlPartialNote *one, const RlPartialNote *other);

/**
 * rl_partial_note_get:
 * Reads the note of the file @fd: *@ret_there is false where it has none, one that makes no sense,
 * or one of another inode: a copy (cp -a) may have less of the data than its note says, which was
 * read last. False with an errno.
 */
bool rl_partial_note_get(int fd, bool *ret_there, RlPartialNote *ret_note, GError **error);

/**
 * rl_partial_note_set, rl_partial_note_remove:
 * Notes @note on the file @fd, or takes it off. Durable with the next fsync(2) of @fd.
 */
bool rl_partial_note_set(int fd, const RlPartialNote *note, GError **error);
bool rl_partial_note_remove(int fd, GError **error);
