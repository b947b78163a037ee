/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume that is to be started has a dirty image already: whose is it, and what becomes of it? */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/volume.h"
#include "start.h"

typedef enum {
    RL_TAKEOVER_CONTINUE, /* the domain goes on with it */
    RL_TAKEOVER_RESTORE,  /* the domain that was saved on it is restored */
    RL_TAKEOVER_DROP,     /* it goes, and a new one is made */
    RL_TAKEOVER_SHARE,    /* the domain reads it, as others do */
} RlTakeover;

/**
 * rl_takeover_decide:
 * Says in *@ret_takeover what @owner's start does with the dirty image @fd of @volume, on which
 * @run (may be NULL) runs or ran. The caller has the lock. Fails with RL_ERROR_BUSY if somebody
 * runs on it or is about to, naming the domain; RL_ERROR_STATE if it is saved, suspect, if a domain
 * has an overlay on it (its own too, as libvirt's files say) that this start does not go on with,
 * if rl_takeover_check() fails, and if a restore finds somebody else's or one that its memory does
 * not fit (restore-fit.h).
 */
bool rl_takeover_decide(const RlVolume *volume, int fd, const RlImageOwner *run,
                        const RlDomainRef *owner, RlStartFlags flags, RlTakeover *ret_takeover,
                        GError **error);

/**
 * rl_takeover_check:
 * True if the dirty image @fd of @volume, which somebody left, can be what its guest wrote, and
 * made from the clean image that is there now. Else false with RL_ERROR_STATE: one with a second
 * name; a persistent volume's that lacks its clean image, was made from another one, or, unless it
 * was saved or kept, is smaller than that for no known reason.
 */
bool rl_takeover_check(const RlVolume *volume, int fd, GError **error);

/**
 * rl_takeover_check_base:
 * True if the dirty image @fd of the persistent @volume was made from the clean image that is there
 * now and has the date and size that it had then (image-base.h), or does not say from what. Else
 * false with RL_ERROR_STATE: somebody has put another one there, or edited it, and neither may be
 * lost for the other before a person has decided.
 */
bool rl_takeover_check_base(const RlVolume *volume, int fd, GError **error);

/**
 * rl_takeover_accept:
 * Notes on the dirty image @fd of @volume that it is taken as it is: it belongs to the clean image
 * that is there now, and has the size that it is to have. The caller has the lock. Durable with the
 * next fsync(2) of @fd.
 */
bool rl_takeover_accept(const RlVolume *volume, int fd, GError **error);

/**
 * rl_takeover_mark:
 * Writes on the image @fd, on which @run (may be NULL) ran, that @owner goes on with it, as
 * rl_takeover_decide() has said for @flags. Of those who share an image it names the last.
 */
bool rl_takeover_mark(int fd, const RlDomainRef *owner, const RlImageOwner *run, RlStartFlags flags,
                      RlTakeover takeover, GError **error);
