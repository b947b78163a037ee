/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domain has a volume. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/pool.h"

/* One of libvirt's domains. */
typedef struct {
    char *uuid;
    char *driver; /* NULL where that is not known */
    char *name;
} RlVolumeDomain;

/**
 * rl_volume_domain_clear:
 * Frees what @domain has.
 */
void rl_volume_domain_clear(RlVolumeDomain *domain);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlVolumeDomain, rl_volume_domain_clear)

/**
 * rl_volume_domain_run:
 * The run that is noted on the dirty image of the volume @name, owned by the caller; NULL where
 * there is none. *@ret_dirty: there is a dirty image. False with @error where that cannot be told.
 */
bool rl_volume_domain_run(const RlPool *pool, const char *name, RlImageOwner **ret_run,
                          bool *ret_dirty, GError **error);

/**
 * rl_volume_domain_find:
 * Sets @domain to the one whose @run it is on the volume @name, running or not; where an
 * administrator began it, or nobody is noted (NULL), to the one that runs with the image as a disk.
 * False with RL_ERROR_STATE where there is none.
 */
bool rl_volume_domain_find(const RlPool *pool, const char *name, const RlImageOwner *run,
                           RlVolumeDomain *domain, GError **error);
