/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All pools that libvirt has written down, for a look at each. */
#pragma once

#include "xml/pool-definition.h"

typedef struct {
    char *name;                   /* libvirt's */
    char *path;                   /* of its directory; NULL where it cannot be told */
    RlPoolDefinition *definition; /* the persistent one; NULL of a transient pool */
    RlPoolDefinition *state;      /* of the active pool, as its daemon has it; NULL of another */
    char *problem;                /* why one of them cannot be read; NULL where both can */
} RlKnownPool;

/**
 * rl_known_pools_read:
 * Returns the pools (RlKnownPool) in the order of their names, owned by the caller. Those that are
 * not of the type "dir" are left out.
 */
GPtrArray *rl_known_pools_read(void);
