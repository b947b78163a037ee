/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of the run of a domain on this host, from its `prepare` to its `release`: when it
 * began, whether it came by a migration, and, from `stopped` on, how it ended. In a directory of
 * root's that a boot empties. */
#pragma once

#include "common/format/image-owner.h"
#include "status-verdict.h"

typedef struct {
    gint64 began_ms; /* when it began, by the clock of the wall; 0 where that is not known */
    bool arriving;   /* its start was announced as a migration, and it is not known to have come */
    bool incoming;   /* libvirt's status has shown that it is one */
    bool restored;   /* it was started as a restore from a save file */
    bool ended;      /* verdict holds */
    RlVerdict verdict; /* on its end */
} RlRunRecord;

/**
 * rl_run_record_begin:
 * Notes that a run of @owner begins now, @arriving by a migration or not. Whatever was noted of an
 * earlier one is gone. False with an errno where there is no room for it.
 */
bool rl_run_record_begin(const RlDomainRef *owner, bool arriving, GError **error);

/**
 * rl_run_record_restored:
 * Notes that the run of @owner that has just begun is the restore from a save file.
 */
void rl_run_record_restored(const RlDomainRef *owner);

/**
 * rl_run_record_incoming:
 * Notes that @owner waits for its guest to come by a migration, as libvirt's status shows, whether
 * that was announced or not.
 */
void rl_run_record_incoming(const RlDomainRef *owner);

/**
 * rl_run_record_arrived:
 * Notes that the guest of @owner has come by a migration, all of it; or that none brings it.
 */
void rl_run_record_arrived(const RlDomainRef *owner);

/**
 * rl_run_record_end:
 * Adds that the run of @owner ends with that @verdict. A failure is only logged, but
 * that there is no room for a new file is none. Where its images are to be marked as saved or kept
 * everybody who looks at them takes them for that from now on, until they are
 * (common/format/unmarked-run.h).
 */
void rl_run_record_end(const RlDomainRef *owner, RlVerdict verdict);

/**
 * rl_run_record_is_unmarked:
 * True if a run of @owner has ended so, and rl_run_record_forget() was not called since.
 */
bool rl_run_record_is_unmarked(const RlDomainRef *owner);

/**
 * rl_run_record_leave:
 * Not all images of the run of @owner, which has ended, could be marked: leaves that noted, as
 * @saved or kept, and removes the rest.
 */
void rl_run_record_leave(const RlDomainRef *owner, bool saved);

/**
 * rl_run_record_marked:
 * Each image of the last run of @owner that ended so is marked by now. What is noted of a run that
 * has begun since stays.
 */
void rl_run_record_marked(const RlDomainRef *owner);

/**
 * rl_run_record_refused:
 * Removes what is noted of the start of @owner that was refused. What is left of a run before that
 * stays.
 */
void rl_run_record_refused(const RlDomainRef *owner);

/**
 * rl_run_record_read:
 * True with *@ret_note if something is noted of the run of @owner in this boot of the host.
 * began_ms is the later one of what the clock said then and what it should have said by what it
 * says now: it may have been set meanwhile.
 */
bool rl_run_record_read(const RlDomainRef *owner, RlRunRecord *ret_note);

/**
 * rl_run_record_forget:
 * Removes what is noted of the domain @owner: each of its images is marked.
 */
void rl_run_record_forget(const RlDomainRef *owner);

/**
 * rl_run_record_announce_arrival, rl_run_record_take_announcement:
 * libvirt says in one call that a domain is about to come by a migration, and starts its disks in
 * the next one of the same thread. The second is true if that thread has called the first, however
 * long ago: in between libvirt calls the hooks of others and makes the disks that are missing. It
 * takes it back; what another thread has announced stays. Where the thread cannot be told it is
 * true for what any has announced some seconds ago at most.
 * That is no proof: the migration may have failed in between, of which libvirt tells no hook.
 */
bool rl_run_record_announce_arrival(const RlDomainRef *owner, GError **error);
bool rl_run_record_take_announcement(const RlDomainRef *owner);
