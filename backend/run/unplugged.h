/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume that ran as a disk of a domain that goes on without it. */
#pragma once

#include "common/pool/pool.h"

/**
 * rl_unplugged_require_free:
 * No disk of the domain whose run it is lies on the dirty image of the volume @name any more, and
 * nobody saw whether the disk was an overlay on it when it went. False with RL_ERROR_STATE where a
 * domain, or a record of a snapshot, has an overlay on it; RL_ERROR_BUSY while a process has it
 * open, be it to read: that may be another domain that has the overlay. The end of the run is to be
 * asked again with the volume's lock (RlDomainRef.late).
 */
bool rl_unplugged_require_free(const RlPool *pool, const char *name, GError **error);
