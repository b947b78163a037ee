/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of external snapshots that lie in a pool under the name of a clean image. libvirt itself
 * gives them such a name where that of the snapshot ends in ".img". They look like volumes that
 * somebody put there, and are half of a domain's disk: nothing is made of them, and nothing is put
 * in their place. */
#pragma once

#include "common/format/image-owner.h"
#include "volume.h"

/**
 * rl_overlay_claim:
 * libvirt says that the clean image of the volume @name is a file that @owner's disk writes to on
 * top of another, in a format that no volume has. *@ret_is is true if it can be that, and is marked
 * so: it has no trace of a volume, neither an id nor another file beside it. Nothing of the image
 * is read. The mark is made durable once, when it is set; a failure to do so takes it back. One
 * that is there already becomes @owner's.
 */
bool rl_overlay_claim(const RlPool *pool, const char *name, const RlDomainRef *owner, bool *ret_is,
                      GError **error);

/**
 * rl_overlay_is_of:
 * True if the clean image of the volume @name is marked as an external snapshot's file of the
 * domain with the UUID @uuid. Any doubt is no, and so is a mark of an earlier version, which says
 * the domain's name alone: another domain may have that name now.
 */
bool rl_overlay_is_of(const RlPool *pool, const char *name, const char *uuid);

/**
 * rl_overlay_require_none:
 * True if the file @fd, the image @file of the volume @volume, is not marked as an external
 * snapshot's. Else false with RL_ERROR_INVALID that names the domain.
 */
bool rl_overlay_require_none(int fd, const char *volume, const char *file, GError **error);
