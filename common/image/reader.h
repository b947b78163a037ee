/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domains that only read an image: one at rest, or the dirty image of a direct volume.
 *
 * libvirt's qemu driver makes the device model the owner of every image of a domain when it starts,
 * and of those that are only read it gives none back. So the access of such an image is noted on it
 * before (access-note.h), and given back as soon as the device model has it open: a change of the
 * access takes nothing from who has. (For no save, snapshot or block job above it does QEMU open it
 * again.) Where another domain may just have been given the image, and not have opened it, the last
 * of them gives it back. A job that commits into the image makes the device model its owner once
 * more (blockcommit with all layers, libvirt 9.0): therefore the note stays to the end. Who reads
 * an image is noted in /run, in a file for each image.
 *
 *   begin:  the note on the image; the reader in /run; then libvirt changes the owner
 *   opened: the reader's line says so; if no other is about to open it: the access
 *   end:    the access as before; if it was the last: the note off the image; the reader out of
 *           /run
 *
 * A host that crashes loses the list, and keeps the note; so does who removes what is in /run.
 * Without the list the note counts only while the image's owner is a device model's user
 * (access-note.h): whoever needs its access takes what is noted then, and the end of a later
 * reader, or the volume's next commit, gives it back. Else the image has what the administrator
 * gave it since. A process that is killed in between leaves a reader that others wait for
 * RL_OWNER_GRACE_SECONDS at most. */
#pragma once

#include "common/pool/volume.h"

#include <sys/types.h>

typedef struct {
    const char *volume; /* the volume's name */
    const char *file;   /* the image's name in its directory */
    dev_t dev;          /* what that was when the reader began */
    ino_t ino;
} RlReadImage;

/**
 * rl_reader_begin:
 * Notes the access of the image @image->file, and that @reader (a word without spaces) is about to
 * open it. Sets @image->dev and ino. False with an errno, ENOENT where there is no such image.
 * Where the file system is mounted read-only its owner cannot change, and nothing is noted on it.
 */
bool rl_reader_begin(const RlPool *pool, RlReadImage *image, const char *reader, GError **error);

/**
 * rl_reader_opened:
 * @reader has opened @image: gives that its access back, unless another reader is about to open it,
 * or it is a dirty image that a domain has to write to. It is found under whatever name of the
 * volume it has now; fine where it is gone. The note stays. False with @error.
 */
bool rl_reader_opened(const RlPool *pool, const RlReadImage *image, const char *reader,
                      GError **error);

/**
 * rl_reader_end:
 * @reader has closed @image, or is not going to open it. As rl_reader_opened(), and the last reader
 * takes the note away. False with @error: then it is to be called again.
 */
bool rl_reader_end(const RlPool *pool, const RlReadImage *image, const char *reader,
                   GError **error);

/**
 * rl_reader_open:
 * Returns a descriptor of @image, which its reader has begun, under whatever name of the volume it
 * has now, owned by the caller; -1 where it is gone, or with @error.
 */
int rl_reader_open(const RlPool *pool, const RlReadImage *image, GError **error);

/**
 * rl_reader_settle:
 * To be called, with the volume's lock, before the image at rest @fd of the volume @name loses its
 * name, which another one may get: libvirt gives the device model what has that name then. Gives
 * the image its access back if readers of before a crash have left it without; a failure of that is
 * logged. False with RL_ERROR_BUSY where a reader is about to open it, and still is after
 * @patience_ms.
 */
bool rl_reader_settle(int fd, const char *name, int patience_ms, GError **error);

/**
 * rl_reader_settle_at:
 * The same for the volume's file @file, a clean image or a revision, which is opened for that and
 * need not be there. It has RL_CLEAN_PATIENCE_MS.
 */
bool rl_reader_settle_at(const RlVolume *volume, const char *file, GError **error);
