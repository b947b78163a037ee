/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images that a domain of the qemu driver only reads: clean images, revisions and named ones
 * that are its read-only disks or lie below its overlays, and dirty images that are its read-only
 * disks. libvirt makes its device model their owner; what they had before is noted before that, and
 * given back when the device model has opened them, and at the end (common/image/reader.h).
 *
 * /run/libvirt-reflink/reading-UUID has a line for each of them as long as the domain runs. */
#pragma once

#include "domain-volumes.h"
#include "read-disk.h"

/**
 * rl_at_rest_begin:
 * @domain is about to get its images: notes those at rest. To be called at `prepare`, and again
 * with @needed at `start`, right before libvirt makes the device model their owner: one may have
 * appeared in between, and RL_ERROR_NOT_FOUND refuses a start where it may still do so. (A source
 * that the disk's startupPolicy lets go is none by then.) False with @error also if the access of
 * one cannot be noted, and with RL_ERROR_INVALID if one is named by what no volume is called, or is
 * a pool's marker (rl_disk_place_require_file()); what was noted before is for rl_at_rest_end().
 * Does nothing for other drivers, nor for a domain that neither has a read-only disk nor an image
 * below one.
 */
bool rl_at_rest_begin(const RlDomain *domain, bool needed, GError **error);

/**
 * rl_at_rest_add_started:
 * The same for the dirty images of those in @uses that were started and are only read, which other
 * domains may read as well. False with an errno: then they are the device model's to the end of the
 * run.
 */
bool rl_at_rest_add_started(const RlDomain *domain, const GPtrArray *uses, GError **error);

/**
 * rl_at_rest_add_plugged:
 * The same of a domain that runs, which may have been given some of @uses meanwhile: libvirt has
 * made its device model the owner of those, and calls no hook when that has opened them. Those that
 * a run writes to are left alone. For rl_at_rest_opened().
 */
void rl_at_rest_add_plugged(const RlDomain *domain, const GPtrArray *uses);

/**
 * rl_at_rest_opened:
 * @domain has opened its images: gives back what was noted of those it only reads. A failure is
 * logged, and left to rl_at_rest_end().
 */
void rl_at_rest_opened(const RlDomain *domain);

/**
 * rl_at_rest_end:
 * @domain has ended, or is not going to run: gives back the same, and forgets it. A failure is
 * logged, and is for the next call.
 */
void rl_at_rest_end(const RlDomain *domain);

/**
 * rl_at_rest_open:
 * Returns a descriptor of what @domain, for which rl_at_rest_end() was not called yet, has opened
 * as @read, also if that has another name of its volume by now; owned by the caller. -1 with
 * *@ret_gone where it is gone, and where that cannot be told. Where nothing is noted, as for other
 * drivers and of a medium that the domain was given while it ran, it is what has the name;
 * *@ret_gone if another image may have had that since the run began.
 */
int rl_at_rest_open(const RlDomain *domain, const RlReadDisk *read, bool *ret_gone);
