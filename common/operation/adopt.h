/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plain images in a directory that is a pool now become volumes, and volumes of Qubes OS's driver,
 * which has no records, get theirs. */
#pragma once

#include "adopt-plan.h"
#include "common/pool/pool.h"

/**
 * rl_adopt_require_unused:
 * True if nobody has @file of the directory @root, which is or becomes a volume's, open for
 * writing. Else false with RL_ERROR_BUSY, and who.
 */
bool rl_adopt_require_unused(int root, const RlAdoptFile *file, GError **error);

/**
 * rl_adopt_move:
 * The plain image @file of @pool gets its name as the clean image of its volume, by a renaming on
 * the same file system. The volume's lock is taken for that.
 *
 * Steps, and what a crash after each leaves: the directories that are missing, each durable
 * (nothing); a record that an earlier volume of that name left is removed (the same); the renaming
 * (one of the names; on a file system that makes one directory durable by itself, both); fsync of
 * the new and the old directory. A second call finishes what a crash has left.
 *
 * False with RL_ERROR_BUSY where a process has it open for writing, RL_ERROR_EXISTS where there is
 * such a volume, RL_ERROR_STATE where revisions of one are left, RL_ERROR_NOT_FOUND where @file is
 * another file by now, or an errno: EXDEV where it lies on another file system.
 */
bool rl_adopt_move(const RlPool *pool, const RlAdoptFile *file, GError **error);

/**
 * rl_adopt_snapshot:
 * The volume @name of @pool becomes a snapshot volume of @source. What Qubes OS's driver left as a
 * running one (common/pool/qubes-leftover.h) becomes one as by rl_volume_discard(); else it must
 * have no clean image, and gets a record. A dirty image stays, for a person to decide about. Fine
 * where it is one already. RL_ERROR_EXISTS where it has a clean image, or is of another kind;
 * RL_ERROR_NOT_FOUND where there is no volume @source.
 */
bool rl_adopt_snapshot(const RlPool *pool, const char *name, const char *source, GError **error);

/**
 * rl_adopt_volatile:
 * The volume @name of @pool, which has no clean image, becomes a volatile volume of @capacity
 * bytes, or with 0 of its dirty image's size. The rest is as in rl_adopt_snapshot().
 * RL_ERROR_INVALID without a size.
 */
bool rl_adopt_volatile(const RlPool *pool, const char *name, guint64 capacity, GError **error);
