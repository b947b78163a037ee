/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Did a run write nothing? Only what is certain may become the precache: a doubt means that it
 * wrote. */
#pragma once

#include "common/pool/opened-image.h"
#include "dirty-image.h"

/**
 * rl_unwritten_date_is_young:
 * True if the modification time of the clean image @clean is less than a second old, or in the
 * future: what a run that begins now writes may get the same one. The run has to note that
 * (RlOwnerTraits.written).
 */
bool rl_unwritten_date_is_young(const struct stat *clean);

/* In three readings, so of images with 20,000. XFS and btrfs list 300,000 a second. */
#define RL_UNWRITTEN_EXTENTS_MAX 60000

/**
 * rl_unwritten_is_in_doubt:
 * True if size and modification time may hide what @run (may be NULL) wrote to an image that was
 * made from @base; rl_unwritten_look() says when.
 */
bool rl_unwritten_is_in_doubt(const RlImageOwner *run, const RlBase *base);

/**
 * rl_unwritten_look:
 * *@ret_sure is true if @image has the content of @base still, which it was made from for the run
 * that is noted on it. False with an errno where a look failed.
 *
 * The size and the modification time that it was given tell. Where there is a doubt both images
 * have to share all blocks as well (rl_extents_compare()): the base was young when the run began,
 * or is now; the time is a whole second, to which a backup program may have put it back; the host
 * was booted or the file system mounted since, and the time may be older on disk than the data
 * (rl_image_owner_has_true_dates()). Where blocks cannot be
 * compared, or are too many to be compared while somebody waits, it is not sure; nor is it ever of
 * a run that went on with a leftover. The status time (ctime) tells nothing: libvirt's change of
 * the owner and the marks of a run move it.
 */
bool rl_unwritten_look(const RlDirtyImage *image, const RlBase *base, bool *ret_sure,
                       GError **error);

/**
 * rl_unwritten_is_sure:
 * What rl_unwritten_look() finds; a look that failed is a doubt.
 */
bool rl_unwritten_is_sure(const RlDirtyImage *image, const RlBase *base);
