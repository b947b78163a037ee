/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images at rest (clean ones, revisions) that somebody writes to nevertheless: qemu-nbd, guestfish,
 * virt-customize, a loop device, a domain that was given one while it ran. Nothing is made from
 * such an image, and nothing is put in its place: that would be half an edit. */
#pragma once

#include "volume.h"

/* So long a process that has just been forked, and has not executed its program yet, may have open
 * what the process has that it is a copy of. */
#define RL_CLEAN_PATIENCE_MS 200

/**
 * rl_clean_stays_written:
 * True if a process has the image @fd, open for reading only, open for writing, and still has after
 * @patience_ms.
 */
bool rl_clean_stays_written(int fd, int patience_ms);

/**
 * rl_clean_require_unwritten:
 * True if nobody has the image @fd, open for reading only, open for writing
 * (rl_lease_has_writer()). Else, after @patience_ms, false with RL_ERROR_BUSY that names @file of
 * the volume @volume and who has it. Costs no look at anything else where nobody has.
 * RL_ERROR_INVALID for an external snapshot's file (overlay-file.h).
 */
bool rl_clean_require_unwritten(const char *volume, const char *file, int fd, int patience_ms,
                                GError **error);

/**
 * rl_clean_require_unwritten_at:
 * The same for the volume's file @file, which is opened for that and need not be there.
 */
bool rl_clean_require_unwritten_at(const RlVolume *volume, const char *file, GError **error);

/**
 * rl_clean_require_unopened_at:
 * As rl_clean_require_unwritten_at(), but a process that has the file open to read it counts as
 * well.
 */
bool rl_clean_require_unopened_at(const RlVolume *volume, const char *file, GError **error);

/**
 * rl_clean_refuse_written:
 * Says that somebody has the clean image of @volume open for writing, and not who: for what is
 * tried again and again. Always false, with RL_ERROR_BUSY.
 */
bool rl_clean_refuse_written(const RlVolume *volume, GError **error);

/**
 * rl_clean_find_writer:
 * Who has the volume's file @file open for writing, in words, owned by the caller; NULL for nobody.
 */
char *rl_clean_find_writer(const RlVolume *volume, const char *file);

/**
 * rl_clean_name_writer:
 * Adds to *@error, if it is RL_ERROR_BUSY, who has the dirty or the clean image of the volume @name
 * open for writing, where that can be told. Nothing where there is no error.
 */
void rl_clean_name_writer(const RlPool *pool, const char *name, GError **error);
