/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How did a domain's run end? libvirt's `release` does not say. Under its qemu driver two witnesses
 * do: the status file that the hook has seen at `stopped` (status-verdict.h), and the domain's log
 * (qemu-log.h), which is best effort. Under libxl it is the save file that the daemon has open
 * (save-file.h). */
#pragma once

#include "common/format/image-save.h"
#include "common/operation/end-of-run.h"
#include "xml/domain.h"

/**
 * rl_end_reason_find:
 * Says how the run of @domain ended, which libvirt has just told us is over. RL_END_UNKNOWN
 * where no witness says, or one contradicts the other. *@ret_file is where its memory was saved,
 * owned by the caller, NULL where that is not known, or not libvirt's own place for it.
 */
RlEndReason rl_end_reason_find(const RlDomain *domain, char **ret_file);

/**
 * rl_end_reason_memory:
 * Returns what is known of the memory of @domain, which was saved (to @file, as
 * rl_end_reason_find() has told), with a new id for that save; owned by the caller, never NULL.
 */
RlMemory *rl_end_reason_memory(const RlDomain *domain, const char *file);

/**
 * rl_end_reason_is_restored:
 * Says in *@ret_restored whether @domain, whose start libvirt has just told us of, is being
 * restored from a file. The thread of the qemu driver that starts it has said so in a call before,
 * and that is taken back; it counts unless no such file is being read. *@ret_memory is what is
 * known of the memory, owned by the caller; NULL where it is not restored. False with
 * RL_ERROR_STATE where a restore was announced, and the daemon reads a file that may be the save
 * file or not: the domain must neither go on with what it was saved with, nor start as if there
 * were no memory.
 */
bool rl_end_reason_is_restored(const RlDomain *domain, bool *ret_restored, RlMemory **ret_memory,
                               GError **error);

/**
 * rl_end_reason_is_read:
 * True if a file that @domain was saved to is open for reading, with *@ret_memory as above. The
 * call that announced the restore may have been taken back before: that this start is the restore
 * the caller knows.
 */
bool rl_end_reason_is_read(const RlDomain *domain, RlMemory **ret_memory);
