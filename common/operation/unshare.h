/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image that is about to be written in place, and that others read or have a name for, is
 * replaced by one of its own first. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/volume.h"

/**
 * rl_unshare_clean:
 * Gives the direct @volume a clean image that has one name and no reader, of whole sectors
 * (rl_reshape_clean()). Also true where somebody else was faster: the caller looks again.
 */
bool rl_unshare_clean(RlVolume *volume, GError **error);

/**
 * rl_unshare_is_due:
 * True if @owner is about to go on with the dirty image @fd (open for reading only), @run (may be
 * NULL) is not noted as @owner's, and a process has the image open. It can be one that outlived the
 * device model of another domain, and would read what @owner writes. An image that was kept says no
 * more whose it was. A short probe, such as libvirt's or ours, is waited for.
 */
bool rl_unshare_is_due(int fd, const RlImageOwner *run, const RlDomainRef *owner);

/**
 * rl_unshare_is_others:
 * True if another domain than @owner has had the image @fd of @volume, dirty, clean or a precache,
 * in this boot of the host (image-domain.h), whether or not a process has it open: what its device
 * model has begun can still be written into it. @unknown is for an image that does not say so.
 * False where the file system has no reflinks: copying would take too long for a start.
 */
bool rl_unshare_is_others(const RlVolume *volume, int fd, const RlDomainRef *owner, bool unknown);

/**
 * rl_unshare_is_others_dirty:
 * The same of a dirty image with the run @run (may be NULL) on it. One that says neither was kept
 * by an earlier version.
 */
bool rl_unshare_is_others_dirty(const RlVolume *volume, int fd, const RlImageOwner *run,
                                const RlDomainRef *owner);

/**
 * rl_unshare_is_read:
 * True if a process has the image @fd (open for reading only) of @volume open for longer than a
 * short probe, and the file system has reflinks.
 */
bool rl_unshare_is_read(const RlVolume *volume, int fd);

/**
 * rl_unshare_dirty:
 * Puts a reflink (a copy, where the pool copies) of the dirty image of @volume in its place, with
 * the same dates, access and marks; of it is noted that no domain has had it. Where no process has
 * the old one open, that is emptied: the kernel lets go of its pages, also of those that wait for
 * data. Also true where the image has changed meanwhile: the caller looks again. Clones without the
 * lock. Errors are those of rl_reflink_or_copy(), or an errno.
 *
 * Steps, and what a crash after each leaves:
 * - an unnamed file: clone, fsync: the old state.
 * - lock; marks and dates, fsync; link under a temporary name: the old state, and a temporary.
 * - rename over the dirty image, fsync(directory): the old or the new state, which say the same.
 */
bool rl_unshare_dirty(RlVolume *volume, GError **error);
