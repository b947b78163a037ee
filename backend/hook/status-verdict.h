/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain's status, as libvirt's qemu driver had noted it when the run ended, says of the
 * end. */
#pragma once

#include "end-reason.h"
#include "xml/status.h"

typedef struct {
    RlEndReason ending;
    bool alone;   /* the status proves it by itself; else only together with the domain's log */
    bool arrived; /* the guest ran here, or was stopped with all of its state here */
} RlVerdict;

/**
 * rl_verdict_of:
 * Says how the run ended that @status is the last of; @arriving: a status has shown that it
 * comes by a migration, and none that it has come. A word that is not known, and a combination
 * that libvirt 9.0 has not, is RL_END_UNKNOWN.
 *
 * Seen on libvirt 9.0.0 (state/reason, job, async, phase), and read in src/qemu/qemu_process.c,
 * qemu_driver.c and qemu_migration.c:
 * - ended from outside: shutdown/unknown, destroy, none; by the guest: the same; by the emulator's
 *   death: running/..., destroy, none.
 * - found dead by a daemon that has come back: the last status, without a job.
 * - saved: paused/save (or what a domain that was paused before had), none, save. With "destroy" it
 *   died while it was saved.
 * - not come to run: paused/starting up; a restore that failed also paused/migration, none, start.
 * - migrated away: paused/migration (or what a domain that was paused before had), none, migration
 * out, confirm3.
 * - a migration to here that was broken off: paused/migration, none, migration in; by the
 * emulator's death paused/migration, destroy, none; ended from outside: shutdown/unknown, destroy,
 * migration in, prepare.
 * - libvirt 11.3.0 lets the emulator's last words in before it calls the hook (qemuProcessStop()):
 * saved, it is shutdown/unknown, none, save; migrated away, shutdown/unknown, none, migration out,
 * confirm3; broken off by the last phase of a migration to here,
 * which tells the source that it has failed: shutdown/unknown, none, migration in, finish3, and the
 * log says "failed" (qemuMigrationDstFinishActive()). Nothing ends a guest so, without a job, that
 * this phase has got to run.
 * - a migration away that failed where the guest could not be resumed, or whose daemon was killed
 * in its last phase (the domain stays, paused/migration), and whose emulator then dies:
 * paused/migration, destroy, none, too.
 */
RlVerdict rl_verdict_of(const RlStatus *status, bool arriving);

/**
 * rl_verdict_of_any_time:
 * Returns what is left of @verdict where the status may be an older one of the same run that
 * another user put back, as in a directory that is not root's: an end with or after which the
 * domain gives its images away, or is saved, needs the log as well. What has not come to run, or
 * not all arrived, loses nothing that was written.
 */
RlVerdict rl_verdict_of_any_time(RlVerdict verdict);

/**
 * rl_verdict_is_incoming:
 * True if @status is that of a domain which a migration brings, and which has not all come.
 */
bool rl_verdict_is_incoming(const RlStatus *status);
