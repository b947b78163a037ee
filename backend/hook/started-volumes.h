/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* That a domain was started, and on which volumes. A disk may be gone from its XML when it ends:
 * copied elsewhere meanwhile (blockcopy --pivot), or detached; or below an overlay, of which
 * libvirt names only the upper layers then. */
#pragma once

#include "domain-volumes.h"

/**
 * rl_started_volumes_add:
 * Notes that @domain was started on the volumes in @uses, and on what was noted of it
 * before. False with an errno: what is gone from its XML when it ends is a leftover then.
 */
bool rl_started_volumes_add(const RlDomain *domain, const GPtrArray *uses, GError **error);

/**
 * rl_started_volumes_begin:
 * The same at `prepare`: the run begins now. What was noted before is of an earlier one, whose end
 * was lost: another domain may run on those volumes by now. It is gone where this fails.
 */
bool rl_started_volumes_begin(const RlDomain *domain, const GPtrArray *uses, GError **error);

/**
 * rl_started_volumes_began_us:
 * Returns when @domain was started, in microseconds of the wall clock: the earlier one of
 * what it said then and what it should have said by what it says now, as it may have been set
 * meanwhile. 0 where that is not noted.
 */
gint64 rl_started_volumes_began_us(const RlDomain *domain);

/**
 * rl_started_volumes_read:
 * Adds to @uses the volumes that were noted of @domain and are not there yet. Whether it
 * still runs on them, the images tell.
 */
void rl_started_volumes_read(const RlDomain *domain, GPtrArray *uses);

/**
 * rl_started_volumes_has:
 * True if the run of @domain that is noted last was started on the volume of @use.
 */
bool rl_started_volumes_has(const RlDomain *domain, const RlDomainVolume *use);

/**
 * rl_started_volumes_is_there:
 * True if rl_started_volumes_add() has noted @domain, on whatever volumes, none included:
 * it was started. libvirt calls `release` also where a start was refused, by us or by a hook before
 * ours.
 */
bool rl_started_volumes_is_there(const RlDomain *domain);

/**
 * rl_started_volumes_forget:
 * Removes the note of @domain.
 */
void rl_started_volumes_forget(const RlDomain *domain);
