/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program has edited the clean image of a volume at rest, in place. The precache has the state
 * before: it becomes a revision, so that the edit can be taken back. */
#pragma once

#include "common/pool/volume.h"

typedef enum {
    RL_EDIT_NONE,  /* there is none, or nothing that is known to have the state before */
    RL_EDIT_KEPT,  /* the state before is a revision now */
    RL_EDIT_LATER, /* the clean image is open for writing: the precache is to stay */
} RlEdit;

/**
 * rl_edit_may_be:
 * True if the dates and sizes of @volume, as it was looked at last, say that its clean image may
 * have been edited since the precache was made. Costs no system call.
 */
bool rl_edit_may_be(const RlVolume *volume);

/**
 * rl_edit_is:
 * True if the precache of @volume has the state before an edit, so that rl_edit_keep() would make
 * it a revision now. Looks at both images, and changes nothing. False where that cannot be told.
 */
bool rl_edit_is(const RlVolume *volume);

/**
 * rl_edit_keep:
 * Makes the precache of the persistent @volume, which is at rest, its next automatic revision, if
 * that has the state before an edit, and its pool keeps automatic revisions of it. *@ret_edit says
 * what came of it. Of an ordinary volume it looks at nothing anew (rl_edit_may_be()). Takes the
 * volume's lock for a moment, and waits for the disk before, and RL_CLEAN_PATIENCE_MS for a process
 * that writes to the clean image.
 *
 * The precache has the state before if it says so itself: it was made of the clean image that has
 * the same id now, which had another date or size then, or of this very file, if a program has put
 * a copy with attributes over it (cp -a; only where it shares blocks); has the date and size that
 * it was given for that; is no copy of what was made so, and not one of an image that a domain ran
 * on; has one name, and nobody has it open for writing. What shares all blocks with the clean image
 * has its content, whatever its dates are; where blocks do not tell, a date alone counts as an
 * edit. Who edits twice with no precache made in between gets one revision, of the state before
 * both.
 *
 * The revision has the date of that state, an id of its own, and says which state it is
 * (image-copy.h), unless a domain has had the precache. It is not pruned if the clean image is one
 * that a domain's disk needs (RL_ATTR_LAYER). False with RL_ERROR_STATE where there is no number
 * for it, with what rl_volume_lock() says, or an errno; then the precache is as it was, but for
 * notes that say nothing of a precache.
 *
 * Steps, and what a crash after each leaves:
 * - fsync of the edited image, without the lock: nothing new.
 * - the edited image loses the name of its next revision, if a replacement was cut off or is under
 *   way, which fails then: its number is not given again.
 * - notes on the precache, with the number, fsync; that on the clean image, fsync: the old state;
 *   the next attempt takes that number.
 * - rename of the precache to the name of the revision; fsync of the directory: the old or the new
 *   state.
 */
bool rl_edit_keep(RlVolume *volume, RlEdit *ret_edit, GError **error);

/**
 * rl_edit_require_kept:
 * The same for what replaces the clean image, or changes it: RL_ERROR_BUSY if it is open for
 * writing, since the precache is of no use afterwards.
 */
bool rl_edit_require_kept(RlVolume *volume, GError **error);

/**
 * rl_edit_require_none:
 * For who is about to drop the precache of @volume, or to replace its clean image, and may have
 * waited since rl_edit_require_kept(): true if the precache has no state before an edit, by dates
 * that are read anew. Else false with RL_ERROR_BUSY, or an errno. With the volume's lock.
 */
bool rl_edit_require_none(const RlVolume *volume, GError **error);

/**
 * rl_edit_keep_for_start:
 * The same for a start that has the clean image open as @clean, and has found nobody who writes to
 * it: who was waited for has edited it. Then prunes as after a commit. False as
 * rl_edit_require_kept(): the end of the run would drop the state before.
 */
bool rl_edit_keep_for_start(RlVolume *volume, int clean, GError **error);

/**
 * rl_edit_keep_or_warn:
 * The same for who goes on without: a failure is logged. Then prunes as after a commit. True unless
 * the precache is to stay for the next attempt.
 */
bool rl_edit_keep_or_warn(RlVolume *volume);
