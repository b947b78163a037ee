/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another name for a stopped volume, with all its revisions. */
#pragma once

#include "common/pool/volume.h"

/**
 * rl_volume_rename_to:
 * Gives the volume @from of @pool the name @to, with its images, revisions and record.
 * RL_ERROR_STATE if it has a dirty image, is the source of snapshot volumes, or revisions of an
 * earlier volume @to are there; RL_ERROR_BUSY while a process has its clean image open for writing
 * or a revision open, even to read, other than the volume's maintenance, whose end is waited for;
 * RL_ERROR_EXISTS; RL_ERROR_NOT_FOUND; RL_ERROR_NAME; or an errno.
 *
 * Steps, and what a crash after each leaves:
 * - both locks, in the order of the names; links of the revisions to the new names,
 * fsync(directory); the record under the new name; the precache goes: the old volume, and revisions
 * that are left of a volume that does not exist.
 * - rename of the clean image (of a volume that has none at rest, of the record), fsync(directory):
 *   the new volume, and revisions that are left by the old name.
 * - these and the record go, fsync(directory): the same, with less of them.
 * The same call finishes what was cut off. What fails before the rename is undone.
 */
bool rl_volume_rename_to(const RlPool *pool, const char *from, const char *to, GError **error);
