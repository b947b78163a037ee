/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a volume is doing, as its dirty image tells. */
#pragma once

#include "opened-image.h"

typedef enum {
    RL_STATE_STOPPED, /* no dirty image */
    RL_STATE_RUNNING, /* somebody has the dirty image open for writing, or is about to */
    RL_STATE_LEFT,  /* a dirty image that nobody runs on: the next start continues with it, or drops
                       it */
    RL_STATE_SAVED, /* its domain was saved, and is not known to have lost its memory */
    RL_STATE_SUSPECT, /* its disk reported an error once, a migration to it was broken off, or it is
                         a copy that was made while its domain ran */
    RL_STATE_ORPHAN,  /* a dirty image without the clean one that it belongs to */
    RL_STATE_BELOW,   /* half of a domain's disk: the other half is in an overlay on it */
    RL_STATE_FOREIGN, /* a dirty image that nothing of ours is noted on: from a copy of a pool that
                         was made without attributes, or another driver's */
} RlState;

/**
 * rl_state_get:
 * Says what the volume is doing, as of its last look. *@ret_run (may be NULL) is who runs or ran on
 * it, owned by the caller, NULL where nobody did. Opens the dirty image to ask for its users, and
 * reads nothing of it.
 */
bool rl_state_get(const RlVolume *volume, RlState *ret_state, RlImageOwner **ret_run,
                  GError **error);

/**
 * rl_state_get_below:
 * As rl_state_get(). *@ret_below is the name of a domain whose disk is an overlay on the dirty
 * image (image-overlays.h), owned by the caller, whatever the state; NULL where there is none, or
 * where somebody has the image open for writing.
 */
bool rl_state_get_below(const RlVolume *volume, RlState *ret_state, RlImageOwner **ret_run,
                        char **ret_below, GError **error);

/**
 * rl_state_to_string:
 * Returns the word for @state; static.
 */
const char *rl_state_to_string(RlState state);

/**
 * rl_state_require_clean:
 * False with RL_ERROR_STATE if @volume is persistent and has no clean image: an orphan, or about to
 * be one.
 */
bool rl_state_require_clean(const RlVolume *volume, GError **error);

/**
 * rl_state_require_unlinked:
 * False with RL_ERROR_STATE if the dirty image of @volume has a second name. Nobody may be given it
 * to write to: the other name can be a clean image, another volume's dirty one, or a file outside
 * of the pool.
 */
bool rl_state_require_unlinked(const RlVolume *volume, GError **error);

/**
 * rl_state_refuse_left:
 * Says that @volume was left with a dirty image, and @what of it; and the ways out. Always false.
 */
bool rl_state_refuse_left(const RlVolume *volume, const char *what, GError **error);

/**
 * rl_state_refuse_foreign:
 * Says that @volume cannot be @what, since nothing is noted on its dirty image; and the ways out.
 * Always false.
 */
bool rl_state_refuse_foreign(const RlVolume *volume, const char *what, GError **error);

/**
 * rl_state_is_half:
 * True if what @run (may be NULL) noted on the dirty image of @volume is to come by a migration, is
 * not known to have come whole, and is worth something: a snapshot's or volatile volume's is not.
 */
bool rl_state_is_half(const RlVolume *volume, const RlImageOwner *run);

/**
 * rl_state_refuse_half:
 * Says that @volume cannot be @what, since a migration to it was broken off; and the ways out.
 * Always false.
 */
bool rl_state_refuse_half(const RlVolume *volume, const char *what, GError **error);

/**
 * rl_state_refuse_written:
 * Says that @volume cannot be @what, since its dirty image was to be read only and was written to;
 * and the ways out. Always false.
 */
bool rl_state_refuse_written(const RlVolume *volume, const char *what, GError **error);

/**
 * rl_state_refuse_below:
 * Says that @volume cannot be @what, since it is below an overlay of @domain, or it cannot be told
 * whether it is (rl_domains_require_told()); and the ways out.
 * Always false.
 */
bool rl_state_refuse_below(const RlVolume *volume, const char *what, const char *domain,
                           GError **error);

/**
 * rl_state_require_not_below:
 * False with RL_ERROR_STATE, as rl_state_refuse_below(), if a domain's disk is an overlay on @image
 * (rl_dirty_image_find_overlay()).
 */
bool rl_state_require_not_below(const RlDirtyImage *image, const char *what, GError **error);

/**
 * rl_state_require_no_base:
 * False with RL_ERROR_STATE, saying that @volume cannot be @what, if it is at rest and a disk of a
 * domain is an overlay on its clean image: an external snapshot of a domain that was off, of a pool
 * whose paths are links. Reads libvirt's files, of such a pool.
 */
bool rl_state_require_no_base(const RlVolume *volume, const char *what, GError **error);

/**
 * rl_state_require_no_merge:
 * False with RL_ERROR_STATE if the path of @volume leads to its clean image, and a running domain
 * other than @owner has an overlay on it: that domain was given the volume at rest, and a merge
 * opens the path anew, which has to lead to the same image then. Reads libvirt's files, of such a
 * pool.
 */
bool rl_state_require_no_merge(const RlVolume *volume, const RlDomainRef *owner, GError **error);

/**
 * rl_state_require_none_since:
 * The same as rl_state_require_no_base(), or if @owner is @overlaid rl_state_require_no_merge(), of
 * @volume that was at rest and has just been started for @owner: a running domain that had the
 * clean image open for writing may have got an overlay on it meanwhile. Reads libvirt's files if a
 * process has the clean image open, or had that of a direct volume.
 */
bool rl_state_require_none_since(const RlVolume *volume, const RlDomainRef *owner, bool overlaid,
                                 GError **error);

/**
 * rl_state_refuse_saved:
 * Says that @volume cannot be @what, since the domain of @run (may be NULL) is saved on it; and the
 * ways out. Always false.
 */
bool rl_state_refuse_saved(const RlVolume *volume, const RlImageOwner *run, const char *what,
                           GError **error);

/**
 * rl_state_refuse_suspect:
 * Says that @volume cannot be @what, since its dirty image, on which @run (may be NULL) ran, is
 * suspect, and why; and the ways out. Always false.
 */
bool rl_state_refuse_suspect(const RlVolume *volume, const RlImageOwner *run, const char *what,
                             GError **error);

/**
 * rl_state_refuse_running:
 * Says that @volume cannot be @what, since somebody runs on its dirty image: the domain that @run
 * (may be NULL) or libvirt's files on running domains name, and the process that has it open for
 * writing, for which it looks through /proc (rl_clean_find_writer()). Always false.
 */
bool rl_state_refuse_running(const RlVolume *volume, const RlImageOwner *run, const char *what,
                             GError **error);

/**
 * rl_state_require_not_starting:
 * False with RL_ERROR_STATE if @run (may be NULL), which is that of @volume's dirty image, is a
 * domain's that was started a short while ago and may be about to open it: nothing for a person to
 * decide about. The caller has the lock.
 */
bool rl_state_require_not_starting(const RlVolume *volume, const RlImageOwner *run, GError **error);

/**
 * rl_state_require_idle:
 * True if nothing would be pulled away from under anybody: the volume is stopped, or just left
 * dirty. Else false with RL_ERROR_STATE, a sentence "volume ... cannot be @what: ..." that names
 * the domain.
 */
bool rl_state_require_idle(const RlVolume *volume, const char *what, GError **error);
