/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's qemu driver says in one call that a domain is to be restored, and starts its disks in
 * the next one of the same thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_restore_notes_note:
 * Notes that the thread of libvirt's daemon that called us is about to restore the domain @uuid. A
 * failure is only logged: its start is a plain one then, and refused on saved disks.
 */
void rl_restore_notes_note(const char *uuid);

/**
 * rl_restore_notes_take:
 * True if the thread that called us noted that some seconds ago at most; it is taken back. The note
 * of another thread stays: this call is of a start beside that restore. Where the thread cannot be
 * told a note of any counts.
 */
bool rl_restore_notes_take(const char *uuid);

/**
 * rl_restore_notes_refuse:
 * Notes, for the call `prepare` that follows in the same thread, that the domain @uuid is not to be
 * restored, and @why. False with an errno.
 */
bool rl_restore_notes_refuse(const char *uuid, const char *why, GError **error);

/**
 * rl_restore_notes_take_refusal:
 * Returns why the thread that called us is not to restore the domain @uuid, if that was noted some
 * seconds ago at most, owned by the caller, and takes the note back. NULL where there is none.
 */
char *rl_restore_notes_take_refusal(const char *uuid);
