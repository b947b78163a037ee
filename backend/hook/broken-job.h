/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block jobs and snapshots that were broken off where it is not told any more on which file the
 * emulator writes: libvirt's daemon ended between its request and the answer. */
#pragma once

#include "domain-volumes.h"
#include "xml/status.h"

/**
 * rl_broken_job_mark:
 * Marks suspect the dirty images that are or lie below a disk of @domain, which has just ended, if
 * libvirt's @status of it says that the emulator was told to go on on the mirror of that disk, or,
 * with @snapshots, was in the middle of a snapshot of them all. Those of kinds that are dropped in
 * any case stay as they are. False with @error where one could not be marked, or it is not told
 * which they are: then none may be committed.
 */
bool rl_broken_job_mark(const RlDomain *domain, const RlStatus *status, bool snapshots,
                        GError **error);

/**
 * rl_broken_job_recall:
 * Does that at the next start of @domain for a run of which libvirt could not tell that it ended:
 * libvirt 9.0.0 cannot load a status file that it wrote in the middle of a commit
 * (virDomainDiskDefMirrorParse()), and leaves it where it is. Nothing where there is no such run.
 */
bool rl_broken_job_recall(const RlDomain *domain, GError **error);

/**
 * rl_broken_job_look:
 * To be called when libvirt's daemon has come back to @domain, which runs: marks suspect those of
 * its volumes @uses that libvirt says the guest writes to, and that nobody has open for writing:
 * the emulator was told to go on on another file, and the daemon ended before it wrote that down.
 */
void rl_broken_job_look(const RlDomain *domain, const GPtrArray *uses);
