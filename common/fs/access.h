/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may touch an image: its owner, its group, the permission bits and the access list (acl(5)).
 *
 * While a domain runs, libvirt's qemu driver makes its device model the owner of the dirty image,
 * and an owner may give rights to everybody. So what an image has when it is at rest never comes
 * from a dirty image: it comes from the clean one, from a record, or from a note that was made
 * before the run. The driver does the same to an image at rest that a domain only reads: that has a
 * note as long as a domain reads it (common/image/reader.h). An access list goes with the
 * rest. Where an image has one, the group bits of st_mode are the list's mask, not the group's
 * rights: they mean nothing without the list. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Who may touch a new file, which has no access list; what is (uid_t) -1 or (gid_t) -1 is left as
 * it is. Only the permission bits of @mode count: no image is setuid, setgid or sticky. */
typedef struct {
    mode_t mode;
    uid_t uid;
    gid_t gid;
} RlAccess;

#define RL_ACCESS_DEFAULT ((RlAccess){0600, (uid_t) -1, (gid_t) -1})

/**
 * rl_access_set:
 * Gives the file @fd the owner, group and mode of @access, and no access list. Does nothing where
 * that is so. On the way the file is never open to more users than before or after. Durable with
 * the next fsync(2) of @fd. False with the errno of what failed.
 */
bool rl_access_set(int fd, const RlAccess *access, GError **error);

/**
 * rl_access_copy:
 * Gives the file @to the owner, group, permission bits and access list that the file @from has, or
 * as long as something is noted on that, what is noted. The rest is as in rl_access_set().
 */
bool rl_access_copy(int from, int to, GError **error);

/**
 * rl_access_is_same:
 * True if rl_access_copy() would have nothing to do. Any doubt is no.
 */
bool rl_access_is_same(int from, int to);

/**
 * rl_access_of:
 * Returns in *@ret_access what the file @name in @dir, whose status is @st, gives to its owner, its
 * group and others: with an access list the group's own entry as far as the mask lets it. The file
 * is not opened.
 */
void rl_access_of(int dir, const char *name, const struct stat *st, RlAccess *ret_access);

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
 * rl_access_forget_labels:
 * Takes away from the image @fd what libvirt's security drivers noted on it: whose it was before,
 * and how many domains have it (trusted.libvirt.security.*, since libvirt 6.0 with remember_owner).
 * Only for an image that no run is left on: libvirt counts runs there. A failure is logged.
 */
void rl_access_forget_labels(int fd);
