/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain is about to run: its volume gets a dirty image. */
#pragma once

#include "common/format/image-mark.h"
#include "common/format/image-owner.h"
#include "common/pool/volume.h"

typedef enum {
    RL_START_READONLY = 1 << 0, /* the domain only reads: what it gets is never committed */
    RL_START_OVERLAID =
        1 << 1, /* the domain's disk is an overlay on the dirty image, which must be there */
    RL_START_RESTORED = 1 << 2, /* the domain's memory is restored: only the image of that time will
                                 * do, and is had if that was announced */
    RL_START_ARRIVING = 1 << 3, /* the guest comes by a migration, which may copy its disks: what is
                                 * there already must not be written over, and what came of one
                                 * that was broken off is no run */
} RlStartFlags;

/* What a start did, so that it can be put back while the domain has not run. */
typedef struct {
    char *volume;         /* the volume's name */
    bool continued;       /* there was a dirty image, and it goes on */
    RlImageOwner *before; /* who ran on that, or NULL */
    RlMark hold;          /* how it was marked */
    char *save; /* of a restore: the id of the save that it is of, NULL if that is not known */
} RlStarted;

/**
 * rl_volume_start:
 * Gives the volume @name a dirty image that is @owner's. Persistent: the precache renamed, else a
 * reflink of the clean image; a leftover dirty image goes on as it is. Snapshot: the same from its
 * source's clean image, a leftover is dropped. Volatile: an empty file. Direct: the clean image
 * itself, renamed.
 *
 * A second start for the same @owner, with nobody having the image open, is fine. Returns what was
 * done, owned by the caller. Fails with RL_ERROR_NOT_FOUND (the volume or its source),
 * RL_ERROR_BUSY (another domain has it; the message names it), RL_ERROR_STATE (saved, suspect,
 * orphan, shrunk), RL_ERROR_UNSUPPORTED (no reflinks and no fallback), or an errno; then nothing
 * was changed, but that the state before an edit of the clean image was kept (before-edit.h).
 *
 * A crash at any point leaves no dirty image, or a complete and durable one.
 */
RlStarted *rl_volume_start(const RlPool *pool, const char *name, const RlDomainRef *owner,
                           RlStartFlags flags, GError **error);

/**
 * rl_volume_unstart:
 * Puts back what rl_volume_start() did, before anybody wrote to the image: no revision, nothing
 * lost. An image that was only to be read, and was written to, becomes suspect: false with
 * RL_ERROR_STATE.
 */
bool rl_volume_unstart(const RlPool *pool, const RlStarted *started, const RlDomainRef *owner,
                       GError **error);

/**
 * rl_started_free:
 * Frees @started; nothing for NULL.
 */
void rl_started_free(RlStarted *started);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlStarted, rl_started_free)
