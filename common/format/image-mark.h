/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Marks on a dirty image that is not to be committed, dropped or gone on with as usual. */
#pragma once

#include "image-owner.h"

typedef enum {
    RL_HOLD_NONE,
    RL_HOLD_SAVED,         /* its domain was saved: only the restore of that goes on with it */
    RL_HOLD_SUSPECT,       /* the disk reported a write error once: a person decides */
    RL_HOLD_RESTORED,      /* a domain was restored or goes on on it; if that fails it is kept */
    RL_HOLD_KEPT,          /* the next start goes on with it, whatever the volume's kind */
    RL_HOLD_KEPT_READONLY, /* the same, and it was only read so far: nothing is to be committed */
    RL_HOLD_FOREIGN,       /* nothing of ours is noted on it: a copy, or another driver's. A person
                              decides. It is never written */
} RlHold;

/**
 * rl_hold_set:
 * Marks the image @fd. Durable with its next fsync(2).
 */
bool rl_hold_set(int fd, RlHold hold, GError **error);

/**
 * rl_hold_get:
 * Reads the mark of the image @fd. A word that is not known is RL_HOLD_SUSPECT; an image without
 * any attribute of ours, which no image that we made is, is RL_HOLD_FOREIGN.
 */
bool rl_hold_get(int fd, RlHold *ret_hold, GError **error);

/**
 * rl_hold_keep:
 * Marks the image @fd, on which @run (may be NULL) ran, as one that is kept; one that was only read
 * stays that. Durable with its next fsync(2).
 */
bool rl_hold_keep(int fd, const RlRun *run, GError **error);

/**
 * rl_hold_is_kept:
 * True for both of those that are kept.
 */
bool rl_hold_is_kept(RlHold hold);

/**
 * rl_hold_only_read:
 * True if nobody has written to an image with the mark @hold on which @run (may be NULL) runs or
 * ran: the domains that had it only read it.
 */
bool rl_hold_only_read(RlHold hold, const RlRun *run);

/**
 * rl_hold_clear:
 * Takes the mark of the image @fd away, and all that belongs to it.
 */
bool rl_hold_clear(int fd, GError **error);

/**
 * rl_hold_set_file:
 * Notes on the image @fd in which file its domain's memory was saved.
 */
bool rl_hold_set_file(int fd, const char *path, GError **error);

/**
 * rl_hold_forget_file:
 * Takes away what rl_hold_set_file() has noted on the image @fd.
 */
bool rl_hold_forget_file(int fd, GError **error);

/**
 * rl_hold_file_is_gone:
 * True if it is known in which file the domain was saved, and that is there no more, but its
 * directory is: that it has now another inode number, or none, can mean that a file system is not
 * mounted. Any doubt is no.
 */
bool rl_hold_file_is_gone(int fd);

/**
 * rl_hold_announce_restore:
 * Notes on the image @fd that its domain is about to be restored: libvirt says so in one call, and
 * starts the volumes in the next one.
 */
bool rl_hold_announce_restore(int fd, GError **error);

/**
 * rl_hold_restore_is_announced:
 * True if rl_hold_announce_restore() was called some seconds ago at most, in this boot of the host.
 */
bool rl_hold_restore_is_announced(int fd);
