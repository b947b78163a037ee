/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may come after the hook has returned: a process of its own. */
#pragma once

#include "common/format/image-owner.h"
#include "domain-volumes.h"
#include "end-reason.h"

typedef struct {
    const RlDomainVolume *use;
    bool committed; /* its revisions may be too many now */
    bool pending;   /* its run could not be ended yet: somebody had it open still */
} RlTask;

typedef struct {
    GArray *tasks; /* RlTask */
    RlDomainRef owner;
    RlEndReason ending;
    const char *file;
} RlWork;

/**
 * rl_worker_detach:
 * True in a new process that no daemon waits for and no signal for it reaches, without its output;
 * it has to end with _exit(2). False in the caller; a failure to make it is only logged.
 */
bool rl_worker_detach(const char *domain);

/**
 * rl_worker_start:
 * Does @work in detached processes, one for each volume. If there can be none it is not done; the
 * next operation on the volumes makes up for it.
 */
void rl_worker_start(const RlWork *work);
