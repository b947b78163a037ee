/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the notes of a domain in RL_LOCK_DIR begin with; behind that stand its driver and its UUID,
 * or its UUID alone. The hook program writes them. The launcher has to know all of them: where
 * there is one it leaves the domain to the hook program. */
#pragma once

#include "common/base/paths.h"

/* With the driver. Of an earlier version of the program they may be without, but for the first. */
#define RL_NOTE_ARRIVING "arriving"
#define RL_NOTE_LAYERS "layers"
#define RL_NOTE_REFUSED "refused"
#define RL_NOTE_SAVED "saved"
/* With it: a run has ended, and its images may not be marked (common/format/unmarked-run.h). */
#define RL_NOTE_UNMARKED RL_UNMARKED_NAME
/* Without it. */
#define RL_NOTE_READING "reading"
/* A directory, with a file for each thread that is about to restore the domain, and with this
 * suffix for one that is not to. */
#define RL_NOTE_RESTORING "restoring"
#define RL_NOTE_UNKNOWN_THREAD "unknown"
#define RL_NOTE_REFUSED_SUFFIX ".refused"
/* With the driver, of each run: what these say of one without a volume the launcher knows. */
#define RL_NOTE_RUN "run"
#define RL_NOTE_STARTED "started"
