/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain is restored: do its memory and the dirty image belong together? */
#pragma once

#include <sys/stat.h>

#include "common/pool/opened-image.h"

/**
 * rl_fits_require:
 * True if the memory that @owner is restored from (RlDomainRef.memory, may be NULL) can be of the
 * save that left @image as it is; its run, if there is one, is @owner's. Else false with
 * RL_ERROR_STATE, naming both and the way out. Where nothing is known that could be compared, it is
 * true: the file's date is not, where its file system has other hosts' dates, and images that were
 * saved before saves were noted have no note.
 */
bool rl_fits_require(const RlDirtyImage *image, const RlDomainRef *owner, GError **error);

/**
 * rl_fits_require_shared:
 * True if @image, which other domains only read and @owner is about to read as well, had its
 * content already when the memory of @owner was saved: it is no newer, or its run, or the clean
 * image that it was made from was put there before that. Else false with RL_ERROR_STATE. True where
 * the time of the save is not known.
 */
bool rl_fits_require_shared(const RlDirtyImage *image, const RlDomainRef *owner, GError **error);

/**
 * rl_fits_require_at_rest:
 * The same of the image at rest @fd of @volume, which has the name @file, and which @owner reads by
 * that: true if it had the name already when the memory was saved, was not put there from a backup
 * since, and has no later modification time. What an earlier version has committed or renamed does
 * not say since when it is there.
 * Its ctime says nothing: libvirt changes the owner of what a domain only reads.
 */
bool rl_fits_require_at_rest(const RlVolume *volume, const char *file, int fd,
                             const RlDomainRef *owner, GError **error);

/**
 * rl_fits_require_clean:
 * The same of the clean image with the status @clean, of which @volume, a read-only disk of @owner,
 * is about to get a dirty image: true if nothing has changed of it since the save, neither its name
 * nor its access (its ctime).
 */
bool rl_fits_require_clean(const RlVolume *volume, const struct stat *clean,
                           const RlDomainRef *owner, GError **error);

/**
 * rl_fits_refuse_changed:
 * Says that @file of @volume, which @owner only reads, may have another content than its memory
 * knows, and what to do. Always false, with RL_ERROR_STATE.
 */
bool rl_fits_refuse_changed(const RlVolume *volume, const char *file, const RlDomainRef *owner,
                            GError **error);
