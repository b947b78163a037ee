/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume that is to be started has a dirty image already: whose is it, and what becomes of it? */
#pragma once

#include "common/pool/opened-image.h"
#include "start-rules.h"
#include "start.h"

/**
 * rl_takeover_decide:
 * Says in *@ret_takeover what @owner's start does with @image: goes on, is restored, drops or
 * shares it. The caller has the lock. All else fails: with RL_ERROR_BUSY if somebody runs on it or
 * is about to, naming the domain; RL_ERROR_STATE if it is saved, suspect, if a domain has an
 * overlay on it (its own too, as libvirt's files say) that this start does not go on with, if
 * rl_takeover_check() fails, and if a restore finds somebody else's or one that its memory does not
 * fit (restore-fit.h), or one to share that may have got another content since the save.
 */
bool rl_takeover_decide(const RlDirtyImage *image, const RlDomainRef *owner, RlStartFlags flags,
                        RlTakeover *ret_takeover, GError **error);

/**
 * rl_takeover_check:
 * True if @image, which somebody left, can be what its guest wrote, and made from the clean image
 * that is there now. Else false with RL_ERROR_STATE: one with a second name; a persistent volume's
 * that lacks its clean image, was made from another one, or, unless it was saved or kept, is
 * smaller than that for no known reason.
 */
bool rl_takeover_check(const RlDirtyImage *image, GError **error);

/**
 * rl_takeover_check_base:
 * True if @image, a persistent volume's, was made from the clean image that is there now, which has
 * the id @id (may be NULL), and that has the date and size that it had then (image-base.h), or does
 * not say from what. Else false with RL_ERROR_STATE: a process put another one there, or edited it,
 * and neither may be lost for the other before an administrator has decided. So it is with the two
 * images of a volume whose record says that it is direct: the second one came with a copy or
 * backup.
 */
bool rl_takeover_check_base(const RlDirtyImage *image, const char *id, GError **error);

/**
 * rl_takeover_accept:
 * Notes on @image that it is taken as it is: it belongs to the clean image that is there now, and
 * has the size that it is to have. The caller has the lock. Durable with the next fsync(2) of the
 * image.
 */
bool rl_takeover_accept(const RlDirtyImage *image, GError **error);

/**
 * rl_takeover_accept_size:
 * The same, of what rl_takeover_decide() has found to belong to that clean image.
 */
bool rl_takeover_accept_size(const RlDirtyImage *image, GError **error);

/**
 * rl_takeover_mark:
 * Writes on @image that @owner goes on with it, as rl_takeover_decide() has said for @flags. Of
 * those who share an image it names the last.
 */
bool rl_takeover_mark(const RlDirtyImage *image, const RlDomainRef *owner, RlStartFlags flags,
                      RlTakeover takeover, GError **error);
