/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The path by which a volume is known to libvirt's clients. It is that of its dirty image, be that
 * there or not; or, in a pool with <reflink:paths form='link'/> and for a name of one component, a
 * link in the pool's directory, POOL/NAME or POOL/NAME.img, that leads to the dirty image while
 * there is one, else to the clean image. What has neither (a snapshot or volatile volume at rest)
 * has no link; nor has an empty image. None ever dangles, and what it has to be follows from the
 * images: who makes an image appear links to it after that, who takes its name away turns the link
 * before.
 *
 * A link that is missing or leads to the other image, as after a crash, is put right by the next
 * start or end of the volume, and by the repair of the pool (repair-paths.h). All these functions
 * do nothing in other pools and for other names. */
#pragma once

#include "common/pool/volume.h"
#include "path-link.h"

/**
 * rl_volume_path_inside:
 * Returns the name of the link, below the pool, that is the path of volume @leaf in @dir: the one
 * that is there, else the one that there is to be; owned by the caller. NULL where its path is no
 * link, since the pool or the name has none or another file has that name.
 */
char *rl_volume_path_inside(const RlPool *pool, const char *dir, const char *leaf);

/**
 * rl_volume_path:
 * Returns the path of the volume @leaf in @dir for libvirt's clients, owned by the caller.
 */
char *rl_volume_path(const RlPool *pool, const char *dir, const char *leaf);

/**
 * rl_volume_path_is_settled:
 * True if the links of @volume are as its images, as they were when it was looked at last, want
 * them, as far as nothing else has their names.
 */
bool rl_volume_path_is_settled(const RlVolume *volume);

/**
 * rl_volume_path_settle:
 * Makes the links of @volume what its images want. The caller has the volume's lock, and has looked
 * at it with that. False with RL_ERROR_NAME where another file has the path, or with an errno.
 */
bool rl_volume_path_settle(const RlVolume *volume, GError **error);

/**
 * rl_volume_path_settle_anew:
 * Looks at the volume @name anew and settles; the caller has its lock. A failure is logged.
 */
void rl_volume_path_settle_anew(const RlPool *pool, const char *name);

/**
 * rl_volume_path_begin:
 * The clean image of the new @volume has just got its name: makes its link, which is @inside, or
 * POOL/NAME for NULL. A failure is logged: the volume is complete without.
 */
void rl_volume_path_begin(const RlVolume *volume, const char *inside);

/**
 * rl_volume_path_let_go:
 * The dirty image of @volume, which the caller has looked at with the lock, is about to lose its
 * name: the links that lead to it are turned to the clean image, or removed.
 */
void rl_volume_path_let_go(const RlVolume *volume);

/**
 * rl_volume_path_remove:
 * Both images are about to lose their names: removes the links.
 */
void rl_volume_path_remove(const RlVolume *volume);
