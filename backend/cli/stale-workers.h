/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs of the hook that have not come to an end. */
#pragma once

#include <glib.h>

/* A worker waits two minutes for a domain at most; what is longer is a copy, or hangs. */
#define RL_STALE_WORKER_SECONDS (60 * 60)

/**
 * rl_stale_workers:
 * Returns the processes of the hook (RlProcess) on this host that have run for longer than
 * RL_STALE_WORKER_SECONDS, owned by the caller. Only root sees all of them.
 */
GPtrArray *rl_stale_workers(void);
