/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's qemu driver says in one call that a domain is to be restored, and starts its disks in
 * the next one of the same thread. Several threads may restore one domain, of which libvirt lets
 * one go on: so each has a note of its own, a file in a directory that the domain has while there
 * are any. A thread does one thing after the other, however long another hook takes in between. A
 * restore that failed before its disks were started leaves its note: whether the daemon has a save
 * file of the domain open tells then (save-file.h). */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    RL_RESTORE_NONE,
    RL_RESTORE_BESIDE,    /* threads have noted one, but not the one that called us */
    RL_RESTORE_ANNOUNCED, /* the thread that called us has; or one has just now, and the calling one
                             or that one cannot be told */
} RlRestoreNote;

/**
 * rl_restore_notes_note:
 * Notes that the thread of libvirt's daemon that called us is about to restore the domain @uuid,
 * from the memory with @digest (read-ahead.h; may be NULL).
 * False with an errno: then its start would count as a plain one.
 */
bool rl_restore_notes_note(const char *uuid, const char *digest, GError **error);

/**
 * rl_restore_notes_take:
 * Returns what is noted of the domain @uuid, and takes back what counts as that of the calling
 * thread, with the digest that it names in *@ret_digest, owned by the caller, or NULL. The notes of
 * other threads stay.
 */
RlRestoreNote rl_restore_notes_take(const char *uuid, char **ret_digest);

/**
 * rl_restore_notes_refuse:
 * Notes, for the call `prepare` that follows in the same thread, that the domain @uuid is not to be
 * restored, and @why. False with an errno.
 */
bool rl_restore_notes_refuse(const char *uuid, const char *why, GError **error);

/**
 * rl_restore_notes_take_refusal:
 * Returns why the thread that called us is not to restore the domain @uuid, if that is noted, owned
 * by the caller, and takes the note back; *@ret_old says whether it was noted more than some
 * seconds ago. NULL where there is none.
 */
char *rl_restore_notes_take_refusal(const char *uuid, bool *ret_old);
