/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's qemu driver says in one call that a domain is to be restored, and starts its disks in
 * the next. */
#pragma once

#include <stdbool.h>

/**
 * rl_restore_notes_note:
 * Notes that the domain @uuid is about to be restored. A failure is only logged: its start is a
 * plain one then, and refused on saved disks.
 */
void rl_restore_notes_note(const char *uuid);

/**
 * rl_restore_notes_take:
 * True if that was noted some seconds ago at most; it is taken back.
 */
bool rl_restore_notes_take(const char *uuid);
