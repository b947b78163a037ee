/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is made from a volume or revision: a new volume, a named revision, or the content that a
 * volume goes back to. Which of its states is read, and how the draft (staged-image.h) is
 * published. */
#pragma once

#include "staged-image.h"

/**
 * rl_clone_begin:
 * rl_staged_begin() for @to, whose name may ask for a kind (rl_asked_kind_split()).
 */
RlStagedImage *rl_clone_begin(RlPool *pool, const char *to, GError **error);

/**
 * rl_clone_require_fit:
 * A revision is a state of the volume itself: false with RL_ERROR_INVALID where @draft is a named
 * revision, and @from (a volume or revision of the draft's pool; NULL: of another place) is of
 * another volume, or its name asks for a kind. RL_ERROR_UNSUPPORTED where it is to be a volatile or
 * snapshot volume.
 */
bool rl_clone_require_fit(const RlStagedImage *draft, const char *from, GError **error);

/**
 * rl_clone_open:
 * Returns a descriptor, read-only, of the content of @from, a volume or revision of @pool, for
 * @draft: for a named revision the state of this moment, for everything else the last committed
 * one. Notes in @draft what it is made from. Owned by the caller; -1 with @error as
 * rl_content_require_whole() and rl_content_open() have it.
 */
int rl_clone_open(RlStagedImage *draft, const RlPool *pool, const char *from, GError **error);

/**
 * rl_clone_publish:
 * Makes the filled @draft what it was begun for: a volume with at least @capacity bytes, persistent
 * unless its name asked for direct, a named revision, or the volume's content. Errors as those of
 * rl_staged_create(), rl_staged_label() and rl_staged_replace().
 */
bool rl_clone_publish(RlStagedImage *draft, uint64_t capacity, GError **error);

/**
 * rl_clone_fill:
 * rl_clone_make() without its end: a draft that has the content of @from, and that
 * rl_clone_publish() makes @to. One that is not published is gone with the draft, or the process.
 */
RlStagedImage *rl_clone_fill(RlPool *pool, const char *to, const char *from, GError **error);

/**
 * rl_clone_make:
 * All of it: makes @to, a volume (also as rl_asked_kind_split() has it), a named revision or
 * NAME@current, from the volume or revision
 * @from of @pool, which it takes over (also on failure). A new volume has the access of what it is
 * made from. Copies where the pool's options allow it. Returns the draft, which is published and
 * has the pool, owned by the caller; NULL with the errors of the others and of rl_staged_new(). A
 * crash leaves what one does in those.
 */
RlStagedImage *rl_clone_make(RlPool *pool, const char *to, const char *from, GError **error);
