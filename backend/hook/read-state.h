/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the read-only disks of a domain have: a save notes it on the domain's volumes (RlSave), and
 * a restore compares it. The dates of what has a name now say nothing of an older image that came
 * to it: a rollback of the file system, a revision that was moved there by hand. */
#pragma once

#include "common/format/image-owner.h"
#include "read-disk.h"

/**
 * rl_read_states_of:
 * Returns what the read-only disks of @domain, which has just ended, had: a NULL-terminated list of
 * strings, owned by the caller, for RlMemory.reads. To be called before rl_at_rest_end(): an image
 * may have got another name while the domain read it. What cannot be told is left out, and of a
 * volume that has no dirty image any more, or no id.
 */
char **rl_read_states_of(const RlDomain *domain);

/**
 * rl_read_state_require:
 * @read is what the disk @disk of a domain has that is restored as @owner: false with
 * RL_ERROR_STATE if its memory is known to be of another state (RlMemory.reads). *@ret_known is
 * false where nothing is noted of that disk: dates are to be compared. A named revision that was
 * made from the noted state (image-copy.h) will do; so will an image that is missing, which is a
 * matter of libvirt's.
 */
bool rl_read_state_require(const RlDisk *disk, const RlReadDisk *read, const RlDomainRef *owner,
                           bool *ret_known, GError **error);
