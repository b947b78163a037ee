/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the read-only disks of saved domains have (read-state.h), for a domain that has no volume to
 * note it on, and for memory that is older than what its volumes note. In a directory of root's
 * that a boot does not empty (RL_SAVED_DIR): a file for each domain, with its last saves. */
#pragma once

#include "common/format/image-save.h"
#include "xml/domain.h"

/**
 * rl_saved_reads_note:
 * @domain has just been saved as @memory, and its read-only disks had @reads
 * (rl_read_states_of()): notes that, durably, behind its earlier saves. A failure is logged.
 */
void rl_saved_reads_note(const RlDomain *domain, const RlMemory *memory, char **reads);

/**
 * rl_saved_reads_ran:
 * A run of @domain has ended without a save: memory that is younger than its last save may be of
 * that run. A failure is logged.
 */
void rl_saved_reads_ran(const RlDomain *domain);

/**
 * rl_saved_reads_give:
 * @domain is restored from @memory: fills in its reads, and noted_us, where they are not known and
 * that save is noted: by its digest; where none was known at the save, by the file's date; a file
 * that is younger than the last save, after which the domain has not run, was edited or copied, and
 * counts as that one's.
 */
void rl_saved_reads_give(const RlDomain *domain, RlMemory *memory);
