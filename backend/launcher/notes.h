/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is noted of a domain, between the calls of the hook, in RL_LOCK_DIR. As backend/hook has it
 * (run-record.h, started-volumes.h), which needs GLib. */
#pragma once

#include <stdbool.h>

#include "domain-id.h"

typedef enum {
    RL_NOTES_OTHER, /* what only the hook program can read, or it cannot be told */
    RL_NOTES_NONE,
    RL_NOTES_PLAIN,   /* of a run without a volume of ours: no more than when it began */
    RL_NOTES_NO_LIST, /* the same, but not the list of the volumes that it was started on */
} RlNotes;

/**
 * rl_notes_look:
 * What is noted of the domain @id.
 */
RlNotes rl_notes_look(const RlDomainId *id);

/**
 * rl_notes_begin:
 * Notes that a run of the domain @id begins, without volumes and no migration: it may be given one
 * while it runs. False where that cannot be done, or is done already; what is noted then the hook
 * program replaces.
 */
bool rl_notes_begin(const RlDomainId *id);

/**
 * rl_notes_end:
 * Removes what rl_notes_begin() has noted. What is left where that fails is replaced by the next
 * run.
 */
void rl_notes_end(const RlDomainId *id);

/**
 * rl_notes_refuse_restore:
 * Notes for the call `prepare` that follows that the domain @id is not to be restored
 * (backend/hook/restore-note.h): whichever thread makes that call, the next one does not count as a
 * plain start. False where that cannot be done.
 */
bool rl_notes_refuse_restore(const RlDomainId *id);
