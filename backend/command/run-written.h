/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much a run wrote that was committed, found out when somebody asks: from the states before and
 * after it, as long as both are there. */
#pragma once

#include "common/pool/pool.h"
#include "journal-entry.h"

typedef struct {
    const RlPool *pool;
    const char *volume; /* its name */
    uint64_t after; /* the revision that the state after an older event is; 0: the clean image */
    bool ended;     /* older events are of another volume */
} RlWritten;

/**
 * rl_written_get:
 * True if @entry is of a commit of @written->volume, and it is known in how many bytes the state
 * after it differs from that before: *@ret_bytes, in whole blocks. Is to be called for each event
 * of the volume, the newest first, since the next newer one says which state came after. Only
 * extents are compared, so what it takes follows their number; where they cannot be, as without
 * reflinks, it is not known. Nor is it where a state is gone, or was written to after the commit.
 */
bool rl_written_get(RlWritten *written, const RlJournalEntry *entry, uint64_t *ret_bytes);

/**
 * rl_written_pass:
 * The same for an event of which it is not to be found out.
 */
void rl_written_pass(RlWritten *written, const RlJournalEntry *entry);
