/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain that runs has volumes that it was not started on: libvirt gave it a disk (attach-device
 * --live), or put an overlay on one, and asks no hook for that. They become the domain's as soon as
 * a hook is called with its XML, at its end at the latest. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/volume.h"

/* Who is given an image. Borrowed. */
typedef struct {
    const RlDomainRef *from; /* of a claim: nobody, and NULL */
    const RlDomainRef *to;
    bool overlaid; /* its disk is an overlay on the image */
} RlClaim;

/**
 * rl_volume_claim:
 * Gives the dirty image of the volume @name to its new owner, a domain that runs, or ran until now,
 * with that image as a disk to write to, or below one. *@ret_done is false where there is nothing
 * to give: no dirty image; the owner's already, unless its run is one that only reads; another
 * domain's that runs on it, may be about to (not if it runs, and on other disks:
 * rl_domains_has_let_go()), still reads it, or has an overlay on it; one that is saved or suspect;
 * without an overlay, one that nothing is noted on (image-mark.h, RL_MARK_FOREIGN), and a
 * snapshot's or volatile volume's that is kept: its end would drop it.
 *
 * What was noted of the run (when it began, whether the dates can tell a write) stays, so that a
 * volume that an administrator started ends as any other; but not that the run had ended
 * (ended-note.h), nor that it only read: the owner writes. A crash before the image is next synced
 * leaves it to whoever had it.
 */
bool rl_volume_claim(const RlPool *pool, const char *name, const RlClaim *claim, bool *ret_done,
                     GError **error);

/**
 * rl_volume_pass_on:
 * The domain that has the dirty image of the volume @name (@claim->from) has ended; the image is a
 * disk of another one that runs, or below one, and becomes its own as rl_volume_claim() makes it.
 * *@ret_done is false where the first has no dirty image there, or one that it only read, or that
 * is saved or suspect.
 */
bool rl_volume_pass_on(const RlPool *pool, const char *name, const RlClaim *claim, bool *ret_done,
                       GError **error);
