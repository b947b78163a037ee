/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removing volumes and revisions. */
#pragma once

#include "common/pool/volume.h"

typedef enum {
    RL_DELETE_NAMED = 1 << 0, /* together with its named revisions */
    RL_DELETE_USED = 1 << 1,  /* also the source of snapshot volumes, which stay and do not start
                                 until there is a volume of that name again */
} RlDeleteFlags;

/**
 * rl_volume_delete:
 * Removes the volume @name: its images, its automatic revisions, its record, and its directory if
 * that is empty then. Named revisions forbid it, and so do snapshot volumes that have it as their
 * source (common/pool/snapshot-volumes.h): RL_ERROR_STATE, listing them, unless @flags (of
 * RlDeleteFlags, or 0) say otherwise. RL_ERROR_STATE while it runs, is saved or suspect;
 * RL_ERROR_BUSY while a process has a revision open, even to read, other than the volume's
 * maintenance, whose end is waited for; RL_ERROR_NOT_FOUND. A snapshot volume that is made of it at
 * that very moment can be missed.
 *
 * Order, and what a crash leaves: named revisions, automatic ones, the precache and what Qubes OS's
 * driver left (a volume with less of them); fsync of the directory; the dirty image (a stopped
 * volume); the clean image (a record alone, which rl_volume_maintain() or the next creation
 * removes); the record. So revisions and a precache without a volume are not what a deletion left.
 * Freeing the data is left to rl_volume_sweep().
 */
bool rl_volume_delete(const RlPool *pool, const char *name, guint flags, GError **error);

/**
 * rl_revision_delete:
 * Removes the revision @name ("VOLUME@7"). RL_ERROR_NOT_FOUND where there is none, RL_ERROR_BUSY
 * while a process has it open, even to read, other than the volume's maintenance, whose end is
 * waited for.
 */
bool rl_revision_delete(const RlPool *pool, const RlName *name, GError **error);
