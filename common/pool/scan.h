/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All volumes of a pool, from one walk over its directories that opens no image. */
#pragma once

#include "volume.h"

typedef struct {
    char *name;       /* of the volume */
    char *dir, *leaf; /* where it lies below the pool */
    RlImage clean, dirty;
    RlImage precache;     /* only rl_scan_leftovers() tells */
    RlVolume *recorded;   /* for a volume with a record: the same and what that says, its
                             directory closed; else NULL */
    GPtrArray *revisions; /* RlRevision, in the order of rl_revisions_list() */
    bool exists;          /* false: only revisions are left of it */
    bool shared;          /* its clean image is also another volume's */
    bool littered;        /* it has temporary files; only rl_scan_leftovers() tells */
} RlListed;

/**
 * rl_listed_free:
 * Frees @listed; nothing for NULL.
 */
void rl_listed_free(RlListed *listed);

/**
 * rl_scan:
 * Returns the volumes of @pool as RlListed, by name, owned by the caller. What is no volume is
 * passed over: other files, symbolic links, names that no volume may have, directories that cannot
 * be read or that are pools themselves, the root's own files. Fails only if the pool's directory
 * cannot be read.
 */
GPtrArray *rl_scan(const RlPool *pool, GError **error);

/**
 * rl_scan_leftovers:
 * As rl_scan(), and adds to @names, an array of strings that it owns, the volumes that have
 * temporary files, whether they are there themselves or not: an operation that was cut off has left
 * those, or one is under way. rl_volume_clear() tells, and removes them.
 */
GPtrArray *rl_scan_leftovers(const RlPool *pool, GPtrArray *names, GError **error);

/**
 * rl_scan_recorded:
 * As rl_scan(), for volumes with a record only: looks at no other file. Of what it returns, name,
 * dir, leaf, recorded and exists are set.
 */
GPtrArray *rl_scan_recorded(const RlPool *pool, GError **error);
