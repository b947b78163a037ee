/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who sees a write that failed. The kernel reports one once to each descriptor that was open then,
 * and not to who opens the file later: a guest's own flush takes the report away from whoever is to
 * commit its image. So a process keeps the images of a run open from before the guest has them, and
 * hands the descriptors to who ends the run.
 *
 * They are open for neither reading nor writing (access mode 3, open(2)), so no question about
 * users (lease.h) sees them; fsync(2) reports through them all the same. */
#pragma once

#include "common/fs/write-watch.h"
#include "witness-images.h"
#include "witness-key.h"

/**
 * rl_witness_begin:
 * Starts the process that keeps @images for the run of @owner, in place of one that is there under
 * this @key; images of that one which have passed to another domain's run since, or are of a run of
 * @owner that nobody has ended, are added to @images. It ends by itself within a minute when nobody
 * runs on any of them any more, and before that does what rl_witness_ask() does; a volume that an
 * administrator has started is run on until he stops it. A failure costs a line in the log: then
 * nobody may see a write that fails.
 */
void rl_witness_begin(const char *key, const RlDomainRef *owner, GArray *images);

/**
 * rl_witness_is_there:
 * True if a process may keep images under @key.
 */
bool rl_witness_is_there(const char *key);

/**
 * rl_witness_ask:
 * Makes what was written to the images that are kept under @key durable, those of runs of @owner
 * (if that is NULL, of all that nobody writes to any more), and marks suspect what the disk did not
 * take all of since the run began (suspect.h). Nothing where no process keeps any. Waits for the
 * disk, and needs no lock. False with @error where one of them cannot be marked: nothing may end
 * the run then.
 */
bool rl_witness_ask(const char *key, const RlDomainRef *owner, GError **error);

/**
 * rl_witness_ask_volume:
 * As rl_witness_ask(), of the dirty image of the volume @name alone, and then rl_witness_pass_on():
 * what another volume of the run has lost, and where that cannot be recorded, is not this one's.
 */
bool rl_witness_ask_volume(const char *key, const RlDomainRef *owner, const RlPool *pool,
                           const char *name, GError **error);

/**
 * rl_witness_find_writes:
 * Makes *@writes how the image @fd was written to since the process under @key began to keep it,
 * unless that is less than *@writes says; nothing where no process keeps it under @key.
 */
void rl_witness_find_writes(const char *key, int fd, RlWrites *writes);

/**
 * rl_witness_require_taken:
 * True if the disk has taken what was written so far to the dirty image @fd of @volume, as far as
 * the process of its run, which may go on, can tell; also where there is no run. Else the image is
 * marked suspect, and @error says so: RL_ERROR_STATE, once, as whoever asks again knows. Waits for
 * the disk.
 */
bool rl_witness_require_taken(int fd, const RlPool *pool, const char *volume, GError **error);

/**
 * rl_witness_pass_on:
 * To be called after rl_witness_ask(): where the file system failed under a descriptor that is kept
 * under @key, and is mounted again, the dirty image of the volume @name is another file to the
 * kernel, whose fsync says nothing. It is marked suspect, durably, if it is the one that was lost
 * (by inode number and name) and on it is a run of @owner, or of anybody if that is NULL. Fine
 * where the volume cannot be looked at; false with @error where it cannot be marked: nothing may
 * end the run then.
 */
bool rl_witness_pass_on(const char *key, const RlDomainRef *owner, const RlPool *pool,
                        const char *name, GError **error);

/**
 * rl_witness_dismiss:
 * Lets the process under @key end, if there is one: @at_once, or if nobody runs on its images any
 * more; so too if one of them has passed to another domain's run. When this returns it has closed
 * them.
 */
void rl_witness_dismiss(const char *key, bool at_once);
