/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dirty images that outlive their domain's run: saved, kept, and what a person decides of them. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/volume.h"

/* Why an image outlives the run of @owner. Borrowed. */
typedef struct {
    const RlDomainRef *owner;
    bool overlaid;    /* its disks are overlays on the image */
    bool saved;       /* it was saved; else the image is needed still, or may be (a restore failed,
                       * nobody knows how the run ended) */
    bool failed;      /* the domain has never run */
    const char *file; /* saved: where its memory is, NULL if that is not known */
} RlKeep;

/**
 * rl_volume_keep_as:
 * The domain of @how does not run any more: marks the dirty image of the volume @name as saved, or
 * kept, durably, with all that was written to it. One that is saved waits for a restore of the
 * domain (whose memory, RlDomainRef.memory, says which save it is, image-save.h); one that is kept
 * for the next start, whatever the volume's kind. On what is overlaid, until a person decides
 * otherwise, only the owner, and domains that have overlays on it as well, go on.
 * *@ret_done is false where the owner does not run on it, or it is saved or suspect already.
 * RL_ERROR_BUSY while somebody has it open for writing: then one that is saved has its mark,
 * durable, and the next call with the same memory notes the date that it has by then. Between the
 * two, and after a crash, it is saved with the date of the first call: a restore is refused if it
 * was written to since. One that is to be kept is unchanged.
 */
bool rl_volume_keep_as(const RlPool *pool, const char *name, const RlKeep *how, bool *ret_done,
                       GError **error);

/**
 * rl_volume_mark_ended:
 * Marks the dirty image of the volume @name as rl_volume_keep_as() does, if a run of @owner on it
 * has ended as the note in /run says (unmarked-run.h), and the image has no mark of that. Fine
 * where there is nothing to be marked. @overlaid as in RlKeep.
 */
bool rl_volume_mark_ended(const RlPool *pool, const char *name, const RlDomainRef *owner,
                          bool overlaid, GError **error);

/**
 * rl_volume_save, rl_volume_keep:
 * rl_volume_keep_as(), saved to a file that is not known, or kept; without overlays.
 */
bool rl_volume_save(const RlPool *pool, const char *name, const RlDomainRef *owner, bool *ret_done,
                    GError **error);
bool rl_volume_keep(const RlPool *pool, const char *name, const RlDomainRef *owner, bool *ret_done,
                    GError **error);

/* What a dirty image is to the run that is noted on it. */
typedef enum {
    RL_RUN_IMAGE_MADE,        /* made for it; or it is not the domain's */
    RL_RUN_IMAGE_CONTINUED,   /* there before */
    RL_RUN_IMAGE_UNCONFIRMED, /* the same, saved or kept; and rl_volume_confirm() has not said that
                               * the run goes on with it */
    RL_RUN_IMAGE_BELOW,       /* half of a disk: the domain's is an overlay on it */
} RlRunImage;
#define RL_RUN_IMAGES (RL_RUN_IMAGE_BELOW + 1)

/**
 * rl_volume_look_at_run:
 * Says in *@ret_image what the dirty image of the volume @name is to the run of @owner; never
 * RL_RUN_IMAGE_BELOW, which only the domain's disks tell. Any doubt is RL_RUN_IMAGE_UNCONFIRMED:
 * then it is kept. False with RL_ERROR_BUSY where that can be told later: somebody has a lease on
 * the image.
 */
bool rl_volume_look_at_run(const RlPool *pool, const char *name, const RlDomainRef *owner,
                           RlRunImage *ret_image, GError **error);

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

/**
 * rl_volume_require_discardable:
 * False, with its error, where rl_volume_discard() would refuse now. Changes nothing.
 */
bool rl_volume_require_discardable(const RlPool *pool, const char *name, GError **error);
