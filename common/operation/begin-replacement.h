/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a draft of NAME@current begins and is given up: the clean image that it is to take the place
 * of becomes the volume's next revision first. */
#pragma once

#include "staged-image.h"

/**
 * rl_replace_foretell:
 * Chooses the number that the revision of @draft is to have, for who has to name it before
 * rl_staged_open(). It may be raised before that. Takes no lock: what changes until then makes
 * rl_staged_open() fail. RL_ERROR_STATE and the like as rl_staged_check_replaceable() has them.
 */
bool rl_replace_foretell(RlStagedImage *draft, GError **error);

/**
 * rl_replace_begin:
 * Links the clean image to the name of its revision, under the lock; the number is the one that was
 * foretold, or is chosen now. RL_ERROR_STATE where the clean image or its number is another one
 * than was foretold. The state before an edit of the clean image becomes a revision before
 * (before-edit.h).
 *
 * Step by step, and what a crash after each leaves:
 * - a lower number that a commit which was cut off had begun is noted as given, and its name goes:
 *   the old state.
 * - link, fsync(directory): the old state, and a revision that is the clean image itself: the next
 *   commit finds it.
 */
bool rl_replace_begin(RlStagedImage *draft, GError **error);

/**
 * rl_replace_undo:
 * The replacement does not come about: the clean image loses the name of its revision.
 */
void rl_replace_undo(RlStagedImage *draft);
