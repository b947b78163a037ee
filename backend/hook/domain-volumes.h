/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which volumes of which pools a domain's disks are, and what it does with them. */
#pragma once

#include "common/pool/pool.h"
#include "xml/domain.h"

typedef struct {
    char *root; /* the pool's path */
    char *name; /* the volume's */
    char *pool; /* libvirt's name of the pool, where a disk names it, or NULL */
    char *
        alias; /* the short path that a link is to make good (common/image/short-path.h), or NULL */
    bool readonly; /* every disk of the domain on it is */
    bool overlaid; /* it is below an external snapshot: what is on top has the newer writes */
    bool noted;    /* no disk of the domain is on it: it was when that was started */
    RlStartup
        startup;   /* what libvirt does where the volume is missing: the strictest of its disks */
    bool doubtful; /* noted, and a disk of which nothing can be told may be on it still */
    GHashTable *pools; /* those of its list that are open, by their paths */
} RlDomainVolume;

/**
 * rl_domain_volumes_new:
 * Returns an empty list of RlDomainVolume, owned by the caller.
 */
GPtrArray *rl_domain_volumes_new(void);

/**
 * rl_domain_volume_pool:
 * Returns the pool of @use, which is in a list, and opens it for all volumes of the list if it is
 * not open yet; NULL with @error as rl_pool_open(). It stays open as long as there is one of them.
 */
RlPool *rl_domain_volume_pool(const RlDomainVolume *use, GError **error);

/**
 * rl_domain_volumes_find:
 * Adds to @uses the volumes (RlDomainVolume, each once, in the order that everybody takes them in)
 * that are disks of @domain. Disks that lie in no reflink pool are left out. With @strict, fails
 * with RL_ERROR_INVALID for what must not run: a writable disk that is a clean image or revision,
 * or a shareable one that is a dirty image. Fails in any case where it cannot be told whether a
 * disk, or an image below it, lies in a reflink pool; one whose marker is not trusted is one.
 * Without
 * @strict all others are in @uses then, and the log has each that is not; @error is the first.
 */
bool rl_domain_volumes_find(const RlDomain *domain, bool strict, GPtrArray *uses, GError **error);

/**
 * rl_domain_volumes_find_started:
 * The same without strict for a @domain that runs or has just ended: pools that it names are what
 * they were when it was started (named-pool.h).
 */
bool rl_domain_volumes_find_started(const RlDomain *domain, GPtrArray *uses, GError **error);

/**
 * rl_domain_volumes_has:
 * True if @uses has the volume of @wanted, under this or another path of its pool.
 */
bool rl_domain_volumes_has(const GPtrArray *uses, const RlDomainVolume *wanted);

/**
 * rl_domain_volumes_add_noted:
 * Adds the volume of @noted, with its pool and whether it is below an overlay, to @uses, unless it
 * is there under this or another path of its pool.
 */
void rl_domain_volumes_add_noted(GPtrArray *uses, const RlDomainVolume *noted);
