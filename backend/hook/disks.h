/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which volumes of which pools a domain's disks are. */
#pragma once

#include "common/pool.h"
#include "xml/domain.h"

typedef struct {
    char *root; /* the pool's path */
    char *name; /* the volume's */
} RlUse;

/**
 * rl_uses_find:
 * Returns the volumes (RlUse, each once, in the order that everybody takes them in) that the disks
 * of @domain write to, owned by the caller. Disks that lie in no reflink pool are left out. With
 * @strict, fails with RL_ERROR_INVALID for a writable disk that is a clean image or revision, which
 * must never be written in place.
 */
GPtrArray *rl_uses_find(const RlDomain *domain, bool strict, GError **error);
