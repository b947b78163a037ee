/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What came of a stream that was cut off: a temporary file of the volume, with a note
 * (partial-note.h), which a later stream with the rest goes on with. rl_volume_sweep() leaves it
 * alone for RL_PARTIAL_LIFETIME_S. Whoever writes to it has it locked with flock(2); the note comes
 * off before the lock, and before the file gets any other name. */
#pragma once

#include "common/format/partial-note.h"
#include "common/pool/volume.h"

#define RL_PARTIAL_LIFETIME_S (7 * 24 * 60 * 60) /* since the last note */

/**
 * rl_partial_is_kept:
 * True if the temporary @file in @dir is one that is kept still.
 */
bool rl_partial_is_kept(int dir, const char *file);

/**
 * rl_partial_find:
 * Says in *@ret_there whether what came of a stream is kept for @volume, which need not exist, and
 * in *@ret_note what that is; *@ret_until is when it expires, seconds since 1970. False with an
 * errno.
 */
bool rl_partial_find(const RlVolume *volume, bool *ret_there, RlPartialNote *ret_note,
                     time_t *ret_until, GError **error);

/**
 * rl_partial_open:
 * Returns a descriptor, for reading and writing and locked, of what is kept for @volume of the
 * stream that @wanted has the states of, at least up to its offset; owned by the caller. -1 with
 * RL_ERROR_NOT_FOUND, RL_ERROR_BUSY where another process receives into it, or an errno.
 */
int rl_partial_open(const RlVolume *volume, const RlPartialNote *wanted, GError **error);

/**
 * rl_partial_keep:
 * Keeps *@fd, a new file in @dir of the volume @leaf, which becomes another descriptor where it has
 * no name yet, with the note @note. False with an errno.
 *
 * Steps, and what a crash after each leaves:
 * - a temporary name, where there is none: a temporary that the next sweep removes. The lock.
 * - fsync(file): that, or what was noted last.
 * - the note; fsync(file); fsync(directory): the same, or all that came.
 */
bool rl_partial_keep(int *fd, int dir, const char *leaf, const RlPartialNote *note, GError **error);

/**
 * rl_partial_release:
 * Takes the note off the file @fd, and unlocks it: it is complete, and about to be published.
 */
bool rl_partial_release(int fd, GError **error);

/**
 * rl_partial_drop:
 * Removes what is kept for @volume, unless a process receives into it. True if there was any.
 */
bool rl_partial_drop(const RlVolume *volume);
