/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a file that can become a dirty image: whole, dated, durable, and still without a name. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/volume.h"

/* What a dirty image or precache is made from. */
typedef struct {
    int fd;         /* the clean image, readable */
    struct stat st; /* of it, when it was opened */
    char *id;       /* of it */
    char *volume;   /* whose it is */
    char *file;     /* its name */
} RlBase;

/**
 * rl_base_open:
 * Opens what @volume's dirty image is to be made from: its own clean image, or its source's for a
 * snapshot. Returns it, owned by the caller; NULL with @error: RL_ERROR_NOT_FOUND naming a source
 * that is gone, RL_ERROR_STATE where there is no clean image now, or that is a copy of a running
 * one (torn-copy.h).
 */
RlBase *rl_base_open(const RlVolume *volume, GError **error);

/**
 * rl_base_close:
 * Frees @base; nothing for NULL.
 */
void rl_base_close(RlBase *base);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlBase, rl_base_close)

/**
 * rl_base_require_unwritten:
 * True if nobody has @base open for writing; else RL_ERROR_BUSY, and who has
 * (rl_clean_require_unwritten()).
 */
bool rl_base_require_unwritten(const RlBase *base, GError **error);

/**
 * rl_base_is_current:
 * True if @base is what rl_base_open() would open for @volume now, and nobody has it open for
 * writing: whoever makes something of it asks before and after.
 */
bool rl_base_is_current(const RlBase *base, const RlVolume *volume);

/**
 * rl_dirty_size:
 * The size in bytes of a new dirty image of @volume made from @base: that of @base, or what is
 * recorded of a snapshot if that is larger; in whole sectors (rl_capacity_round()). So a clean
 * image that ends within one, as another program put it there, is never grown itself: what is made
 * from it is.
 */
uint64_t rl_dirty_size(const RlVolume *volume, const RlBase *base);

/**
 * rl_dirty_make:
 * Returns an unnamed reflink of @base in @volume's directory (a copy where the pool allows that),
 * with its access, modification time and id of base, rl_dirty_size() bytes large; not
 * fsynced. Owned by the caller; -1 with @error.
 */
int rl_dirty_make(const RlVolume *volume, const RlBase *base, GError **error);

/**
 * rl_dirty_finish:
 * Gives @fd, which has the content of @base and shares all its blocks if @shares says so, what else
 * rl_dirty_make() gives an image: size, marks, and last the modification time, which everything
 * else that is done to the file would change. Not fsynced. False with an errno.
 */
bool rl_dirty_finish(int fd, const RlVolume *volume, const RlBase *base, bool shares,
                     GError **error);

/**
 * rl_dirty_is_unwritten:
 * True if @st is that of an image that rl_dirty_make() made from @base and nobody has written to,
 * as far as size and modification time tell.
 */
bool rl_dirty_is_unwritten(const RlVolume *volume, const RlBase *base, const struct stat *st);

/**
 * rl_dirty_dates_are_true:
 * True if a domain of @driver cannot set the dates of its images. libvirt's qemu driver makes the
 * device model their owner, and an owner can: what a broken-out guest writes into a snapshot, or
 * into a disk that it only reads, must not come back at the next start because it seems to be
 * unwritten. Under Xen an image is root's.
 */
bool rl_dirty_dates_are_true(const char *driver);

/**
 * rl_dirty_make_empty:
 * Returns an unnamed sparse file of @capacity bytes in @volume's directory, with the access that is
 * recorded of it, owned by the caller; -1 with @error.
 */
int rl_dirty_make_empty(const RlVolume *volume, uint64_t capacity, GError **error);

/**
 * rl_dirty_give_access:
 * Gives the image @fd the access that images of @volume have at rest, whatever the device model did
 * to it: that of the clean image, or of the source's for a snapshot; what is recorded of a volatile
 * volume; what was noted on a direct volume's dirty image when that began to run. Where none of
 * them is there it stays as it is. Durable with the next fsync(2) of @fd.
 */
bool rl_dirty_give_access(const RlVolume *volume, int fd, GError **error);

/**
 * rl_dirty_remember:
 * Reads what the end of a run takes off the dirty image @fd of @volume and only that knows: of
 * a direct volume, whose it is at rest. Owned by the caller, NULL where nothing is noted.
 */
char *rl_dirty_remember(const RlVolume *volume, int fd);

/**
 * rl_dirty_give_back:
 * The end of @run (may be NULL) failed: notes it again on the dirty image @fd of @volume, and what
 * rl_dirty_remember() returned before (@remembered, may be NULL), if that still has its name, so
 * that the end can be tried again. The caller has the lock.
 */
void rl_dirty_give_back(const RlVolume *volume, int fd, const RlImageOwner *run,
                        const char *remembered);

/**
 * rl_dirty_sync:
 * Makes all that was written to the dirty image @fd of @volume durable. A failure marks it suspect
 * (suspect.h): the kernel reports a failed write once, and after that the image may be less than
 * its guest believes.
 */
bool rl_dirty_sync(const RlVolume *volume, int fd, GError **error);
