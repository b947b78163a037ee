/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may come after the hook has returned: a process of its own. */
#pragma once

#include "common/run.h"
#include "disks.h"
#include "stopping.h"

typedef struct {
    const RlUse *use;
    bool committed; /* its revisions may be too many now */
    bool pending;   /* it could not be stopped yet: somebody had it open still */
} RlTask;

/**
 * rl_worker_start:
 * Does @tasks (RlTask, borrowed) for @owner in a detached process. If there can be none they are
 * not done; the next operation on the volumes makes up for it.
 */
void rl_worker_start(const GArray *tasks, const RlOwner *owner);
