/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Marks on a dirty image that is not to be committed, dropped or gone on with as usual. */
#pragma once

#include "image-owner.h"

typedef enum {
    RL_MARK_NONE,
    RL_MARK_SAVED,         /* its domain was saved: only the restore of that goes on with it */
    RL_MARK_SUSPECT,       /* the disk reported a write error once, or a job of libvirt's was broken
                              off: an administrator decides */
    RL_MARK_RESTORED,      /* a domain was restored or goes on on it; if that fails it is kept */
    RL_MARK_KEPT,          /* the next start goes on with it, whatever the volume's kind */
    RL_MARK_KEPT_READONLY, /* the same, and it was only read so far: nothing is to be committed */
    RL_MARK_FOREIGN,       /* nothing of ours is noted on it: a copy, or another driver's. A person
                              decides. It is never written */
} RlMark;

/**
 * rl_mark_set:
 * Marks the image @fd. Durable with its next fsync(2).
 */
bool rl_mark_set(int fd, RlMark hold, GError **error);

/**
 * rl_mark_set_suspect_of_job:
 * Marks the image @fd RL_MARK_SUSPECT, and notes the reason: a block job or snapshot of libvirt's
 * was broken off, or somebody wrote to the image after its domain had left it.
 */
bool rl_mark_set_suspect_of_job(int fd, GError **error);

/**
 * rl_mark_is_suspect_of_job:
 * True if rl_mark_set_suspect_of_job() has marked the image @fd. False where that cannot be read.
 */
bool rl_mark_is_suspect_of_job(int fd);

/**
 * rl_mark_get:
 * Reads the mark of the image @fd. A word that is not known is RL_MARK_SUSPECT; an image without
 * any attribute of ours, which no image that we made is, is RL_MARK_FOREIGN.
 */
bool rl_mark_get(int fd, RlMark *ret_hold, GError **error);

/**
 * rl_mark_get_of:
 * As rl_mark_get(), where it may be known already that the image has an attribute of ours (@ours).
 */
bool rl_mark_get_of(int fd, bool ours, RlMark *ret_hold, GError **error);

/**
 * rl_mark_to_keep:
 * Returns the mark that keeps an image with the mark @hold, on which @run (may be NULL) ran; one
 * that was only read stays that.
 */
RlMark rl_mark_to_keep(RlMark hold, const RlImageOwner *run);

/**
 * rl_mark_is_kept:
 * True for both of those that are kept.
 */
bool rl_mark_is_kept(RlMark hold);

/**
 * rl_mark_only_read:
 * True if nobody has written to an image with the mark @hold on which @run (may be NULL) runs or
 * ran: the domains that had it only read it.
 */
bool rl_mark_only_read(RlMark hold, const RlImageOwner *run);

/**
 * rl_mark_clear:
 * Takes the mark of the image @fd away, and all that belongs to it, but for the name of the file of
 * a save: a run that turns out never to have run leaves the image saved.
 */
bool rl_mark_clear(int fd, GError **error);

/**
 * rl_mark_note_kept_of:
 * Notes on the image @fd, which is about to be kept, that @owner's run has left it. Counts only
 * together with the mark that keeps it.
 */
bool rl_mark_note_kept_of(int fd, const RlDomainRef *owner, GError **error);

/**
 * rl_mark_forget_kept_of:
 * Takes that away: an administrator has decided.
 */
bool rl_mark_forget_kept_of(int fd, GError **error);

/**
 * rl_mark_find_other_kept_of:
 * *@ret_name is the name of the domain that rl_mark_note_kept_of() has noted on the image @fd,
 * owned by the caller; NULL where that is @owner, or none: images that versions before this one
 * have kept say nothing.
 */
bool rl_mark_find_other_kept_of(int fd, const RlDomainRef *owner, char **ret_name, GError **error);

/**
 * rl_mark_set_file:
 * Notes on the image @fd in which file its domain's memory was saved.
 */
bool rl_mark_set_file(int fd, const char *path, GError **error);

/**
 * rl_mark_forget_file:
 * Takes away what rl_mark_set_file() has noted on the image @fd.
 */
bool rl_mark_forget_file(int fd, GError **error);

/**
 * rl_mark_file_is_gone:
 * True if it is known in which file the domain was saved, and that is there no more, but its
 * directory is: that there is none now, or one with another inode number or time of birth, can mean
 * that a file system is not mounted, or another one is. Any doubt is no.
 */
bool rl_mark_file_is_gone(int fd);

/**
 * rl_mark_announce_restore:
 * Notes on the image @fd that its domain is about to be restored: libvirt says so in one call, and
 * starts the volumes in the next one.
 */
bool rl_mark_announce_restore(int fd, GError **error);

/**
 * rl_mark_restore_is_announced:
 * True if rl_mark_announce_restore() was called some seconds ago at most, in this boot of the host.
 */
bool rl_mark_restore_is_announced(int fd);
