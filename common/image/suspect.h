/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disk has not taken all that was written to a dirty image, or a job of libvirt's on it was
 * broken off: an administrator decides what becomes of it. This is told once, so nothing else may
 * be lost of that. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_suspect_mark:
 * Marks the dirty image @fd suspect, durably; where its file system does not take the mark, in
 * memory (lost-writes-note.h). False with @error where neither is possible: then nothing may end
 * its run.
 */
bool rl_suspect_mark(int fd, GError **error);

/**
 * rl_suspect_mark_of_job:
 * As rl_suspect_mark(), for what rl_mark_set_suspect_of_job() notes.
 */
bool rl_suspect_mark_of_job(int fd, GError **error);

/**
 * rl_suspect_mark_late:
 * Marks the suspect image @fd on its file system if it could not be marked there before; a failure
 * changes nothing.
 */
void rl_suspect_mark_late(int fd);
