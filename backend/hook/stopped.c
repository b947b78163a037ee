/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hook.h"

#include <errno.h>
#include <string.h>

#include "arrival.h"
#include "broken-job.h"
#include "calling-thread.h"
#include "common/base/error.h"
#include "owner.h"
#include "run-record.h"
#include "started-volumes.h"
#include "status-file.h"
#include "status-verdict.h"

/* Of a save, and of a migration from here, libvirt 11.3.0 notes the same where it is complete, and
 * where the daemon was killed before it was, which calls us when it has come back, and not for a
 * client. */
static RlVerdict
verdict_of(const RlStatus *status, const RlRunRecord *note)
{
    RlVerdict verdict = rl_verdict_of(status, note->arriving && note->incoming);

    bool given_away = verdict.ending == RL_END_SAVED || verdict.ending == RL_END_MIGRATED;
    if (given_away && !verdict.alone)
        verdict.alone = rl_calling_thread_serves_client();
    return verdict;
}

bool
rl_event_stopped(const RlDomain *domain, GError **error)
{
    g_autoptr(GError) cause = NULL;
    RlDomainRef owner = rl_domain_ref_of(domain);
    RlVerdict verdict = {.ending = RL_END_UNKNOWN, .alone = true};
    RlRunRecord note;

    /* libxl has no such file; and most domains have nothing to do with us. What an older version of
     * this program started has the other note only. */
    if (strcmp(owner.driver, "qemu") != 0 ||
        (!rl_run_record_read(&owner, &note) && !rl_started_volumes_is_there(domain)))
        return true;
    g_autoptr(RlStatus) status = rl_status_file_read(domain, &cause);
    /* Not even that far has it come, and the log says so. */
    if (rl_error_is_errno(cause, ENOENT)) {
        if (note.arriving)
            rl_run_record_end(&owner, (RlVerdict){.ending = RL_END_FAILED});
        return true;
    }
    if (status)
        verdict = verdict_of(status, &note);
    /* A client's own call ends the domain after its snapshot ('--halt'), and then libvirt knows
     * what its disks are. */
    if (status && !rl_broken_job_mark(domain, status, !rl_calling_thread_serves_client(), &cause))
        verdict = (RlVerdict){.ending = RL_END_UNKNOWN, .alone = true};
    if (!rl_status_file_is_latest())
        verdict = rl_verdict_of_any_time(verdict);
    rl_arrival_look(domain, verdict);
    rl_run_record_end(&owner, verdict);
    if (!cause)
        return true;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause), "cannot determine how it ends: ");
    return false;
}
