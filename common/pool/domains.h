/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's own files about its domains say of a volume, where the attributes of its dirty
 * image cannot: libvirt calls no hook when it gives a running domain a disk, nor when it puts an
 * overlay on one. They are read for a doubt or an error only, never for an ordinary start or stop.
 */
#pragma once

#include "common/format/image-owner.h"
#include "volume.h"

/**
 * rl_domains_find_overlay:
 * Returns the name of a domain other than @owner (may be NULL), and none of the names @let_go
 * (NULL-terminated; may be NULL), whose disk is an overlay on the dirty image of @volume, owned by
 * the caller; NULL where libvirt's files name none.
 */
char *rl_domains_find_overlay(const RlVolume *volume, const RlDomainRef *owner,
                              const char *const *let_go);

/**
 * rl_domains_require_told:
 * For the refusal of what would take away what is below an overlay of @domain: false with
 * RL_ERROR_STATE, saying that @volume cannot be @what and why, where rl_domains_find_overlay() has
 * named @domain since its snapshots cannot be read. True where it is certain.
 */
bool rl_domains_require_told(const RlVolume *volume, const char *what, const char *domain,
                             GError **error);

/**
 * rl_domains_defined_us:
 * When libvirt last wrote a definition of the domain @name, in microseconds of the wall's clock; 0
 * where it has none.
 */
gint64 rl_domains_defined_us(const RlVolume *volume, const char *name);

/**
 * rl_domains_has_let_go:
 * True if the domain that @run names still runs, and its disks now are others than the dirty image
 * of @volume: it was detached.
 */
bool rl_domains_has_let_go(const RlVolume *volume, const RlImageOwner *run);

/**
 * rl_domains_find_running_overlay:
 * Returns the name of a domain other than @owner that runs, and has an overlay on the image of
 * @volume now, owned by the caller; NULL where libvirt's files name none. They are read of the
 * domains that run only.
 */
char *rl_domains_find_running_overlay(const RlVolume *volume, const RlDomainRef *owner);

/**
 * rl_domains_find_user:
 * Returns who runs on the dirty image of @volume, for a message: the domain that @run (may be NULL)
 * names; where an administrator began the run, or nobody is noted, a domain that runs with it as a
 * disk or below one. Owned by the caller, NULL where there is none, or it cannot be told.
 */
char *rl_domains_find_user(const RlVolume *volume, const RlImageOwner *run);
