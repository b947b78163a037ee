/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of volumes that were deleted, resized or defragmented while a process had the clean image
 * open: a domain that was given that to read has it still, and what gets the name next is another
 * image. (A renaming is refused then.) Noted in /run, as no process outlives the host's boot. */
#pragma once

#include "volume.h"

/**
 * rl_left_name_note:
 * The clean image of @volume is about to be deleted or replaced; the caller has the volume's lock.
 * Notes that if a process has it open, or if that cannot be told. Nothing where there is no clean
 * image. False with an errno where there is no room for the note: without it saved memory could be
 * restored on what gets the name next, so the image has to stay.
 */
bool rl_left_name_note(const RlVolume *volume, GError **error);

/**
 * rl_left_name_is_since:
 * True if an image of the name of @volume went so at @us or later, by the wall clock; also
 * where that cannot be read.
 */
bool rl_left_name_is_since(const RlVolume *volume, gint64 us);
