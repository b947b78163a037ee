/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A note on an image of who might touch it before its run, and when that note counts.
 *
 * While a domain runs, libvirt's qemu driver makes its device model the owner of the dirty image,
 * and an owner may give rights to everybody. So what the image has at rest is noted before the run.
 * The driver does the same to an image at rest that a domain only reads: that has a note as long as
 * a domain reads it (common/image/reader.h). */
#pragma once

#include "full-access.h"

/**
 * rl_access_note:
 * Notes on the file @fd, in the attribute RL_ATTR_ACCESS, what access it has, for the time of a run
 * in which its owner may be another. What a note that is there already says stays if it counts. It
 * counts on the inode that it was made on, in the same boot of the host; after that, on a copy, and
 * as one that does not say on what it was made, only while the file's owner is neither root nor the
 * one noted, and so still a device model's user: else the administrator has set its access since. A
 * note that does not count is no note. Needs no fsync(2): the file system keeps the order of this
 * and of the changes to the same inode that follow.
 */
bool rl_access_note(int fd, GError **error);

/**
 * rl_access_note_for_readers:
 * The same for the time that the image is noted in /run as one that is read (readers.h). Where it
 * is not, as after that list was lost, the note counts as one of an earlier boot. So the note comes
 * before the list, and one without a list is judged by the image's owner. A note that counts stays.
 * @at_rest: the caller has the volume's lock, and no run is on the image. Then a note of
 * rl_access_note() comes from a start that was cut off, or from a name that an administrator gave
 * the image, and counts no more than one for readers.
 */
bool rl_access_note_for_readers(int fd, bool at_rest, GError **error);

/**
 * rl_access_note_lasts:
 * What rl_access_note_for_readers() has just noted on @fd counts from now on as what
 * rl_access_note() notes: until it is taken off.
 */
bool rl_access_note_lasts(int fd, GError **error);

/**
 * rl_access_copy_note:
 * Where something is noted on the file @from, gives the file @to, which is new, that access and a
 * note of its own.
 */
bool rl_access_copy_note(int from, int to, GError **error);

/**
 * rl_access_put_back:
 * Gives the file @fd what rl_access_note() has noted on it; the note stays. Without a note the
 * owner and group stay, and others cannot write to it.
 */
bool rl_access_put_back(int fd, GError **error);

/**
 * rl_access_settle:
 * Gives the file @fd what is noted on it, and without @keep then removes the note: after a crash in
 * between it is done once more. Does nothing where there is no note.
 */
bool rl_access_settle(int fd, bool keep, GError **error);

/**
 * rl_access_noted:
 * Reads what rl_access_note() has noted on the file @name in @dir. False where there is no note, or
 * none that can be read or counts.
 */
bool rl_access_noted(int dir, const char *name, RlAccess *ret_access);

/**
 * rl_access_get_at_rest:
 * Returns in *@ret_full what the file @fd has at rest: what is noted on it, if the note counts,
 * else what it has now.
 */
bool rl_access_get_at_rest(int fd, RlFullAccess *ret_full, GError **error);
