/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dirty images that outlive their domain's run: saved, kept, and what a person decides of them. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/volume.h"

/**
 * rl_volume_save:
 * The domain @owner was saved: marks the dirty image of the volume @name as such, durably, with all
 * that was written to it.
 * @file is where the domain's memory is, NULL if that is not known; @owner's memory says which save
 * it is (save.h). Until a restore of the domain, nothing is done to the image.
 * *@ret_done is false where @owner does not run on it, or it is saved or suspect already.
 * RL_ERROR_BUSY while somebody has it open for writing.
 */
bool rl_volume_save(const RlPool *pool, const char *name, const RlDomainRef *owner,
                    const char *file, bool *ret_done, GError **error);

/**
 * rl_volume_keep:
 * The domain @owner does not run any more, but its dirty image is needed still or may be (a restore
 * failed, nobody knows how the run ended): keeps it for the next start, whatever the volume's kind.
 * *@ret_done and errors as in rl_volume_save().
 */
bool rl_volume_keep(const RlPool *pool, const char *name, const RlDomainRef *owner, bool *ret_done,
                    GError **error);

/**
 * rl_volume_keep_below:
 * As rl_volume_keep(), for an image that disks of @owner are overlays on: until a person decides
 * otherwise only @owner, and domains that have overlays on it as well, go on with it.
 */
bool rl_volume_keep_below(const RlPool *pool, const char *name, const RlDomainRef *owner,
                          bool *ret_done, GError **error);

/**
 * rl_volume_save_below:
 * As rl_volume_save(), for an image that disks of @owner are overlays on.
 */
bool rl_volume_save_below(const RlPool *pool, const char *name, const RlDomainRef *owner,
                          const char *file, bool *ret_done, GError **error);

/**
 * rl_volume_is_continued:
 * True if the dirty image of the volume @name, which @owner has, was there before that. Any doubt
 * is yes: then it is kept.
 */
bool rl_volume_is_continued(const RlPool *pool, const char *name, const RlDomainRef *owner);

/**
 * rl_volume_is_unconfirmed:
 * True if @owner was to go on with the dirty image of the volume @name after a restore, or with one
 * that was kept, and rl_volume_confirm() has not said that it does. Any doubt is yes: then it is
 * kept. False with RL_ERROR_BUSY where that can be told later: somebody has a lease on the image.
 */
bool rl_volume_is_unconfirmed(const RlPool *pool, const char *name, const RlDomainRef *owner,
                              GError **error);

/**
 * rl_volume_confirm:
 * The domain @owner runs: what it went on with is a run like any other now.
 */
bool rl_volume_confirm(const RlPool *pool, const char *name, const RlDomainRef *owner,
                       GError **error);

/**
 * rl_volume_announce_restore:
 * The domain @owner is about to be restored: lets a start with RL_START_RESTORED that follows at
 * once have the volume, if it was saved on it.
 */
bool rl_volume_announce_restore(const RlPool *pool, const char *name, const RlDomainRef *owner,
                                GError **error);

/**
 * rl_volume_continue:
 * A person decides that the dirty image of the volume @name is good as it is, also with the clean
 * image that is there now: the next start goes on with it. RL_ERROR_STATE while the volume runs, if
 * a domain was started on it a short while ago, or where there is no clean image;
 * RL_ERROR_NOT_FOUND where there is no dirty image.
 */
bool rl_volume_continue(const RlPool *pool, const char *name, GError **error);

/**
 * rl_volume_discard:
 * A person decides that the dirty image of the volume @name goes, and with it all that was written
 * since the last commit. RL_ERROR_STATE while the volume runs, if a domain was started on it a
 * short while ago, or if the dirty image is its only one (RL_KIND_DIRECT, an orphan);
 * RL_ERROR_NOT_FOUND where there is none.
 */
bool rl_volume_discard(const RlPool *pool, const char *name, GError **error);
