/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who sees a write that failed. The kernel reports one once to each descriptor that was open then,
 * and not to who opens the file later: a guest's own flush takes the report away from whoever is to
 * commit its image. So a process keeps the images of a run open from before the guest has them, and
 * hands the descriptors to who ends the run.
 *
 * They are open for neither reading nor writing (access mode 3, open(2)), so no question about
 * users (lease.h) sees them; fsync(2) reports through them all the same. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/pool.h"

/**
 * rl_witness_key_by_hand:
 * The key for a run that a person began on one volume, owned by the caller. A domain's is its UUID.
 */
char *rl_witness_key_by_hand(const RlPool *pool, const char *volume);

/**
 * rl_witness_new:
 * Returns an empty list of descriptors, owned by the caller; they are closed with it.
 */
GArray *rl_witness_new(void);

/**
 * rl_witness_add:
 * Adds the dirty image of the volume @name to @images, if it is of a kind that is kept at the end
 * of a run. What cannot be opened is left out, and the log says so.
 */
void rl_witness_add(GArray *images, const RlPool *pool, const char *name);

/**
 * rl_witness_begin:
 * Starts the process that keeps @images for the run of @owner, in place of one that is there under
 * this @key. It ends by itself within a minute when nobody runs on any of them any more. A failure
 * costs a line in the log: then nobody may see a write that fails.
 */
void rl_witness_begin(const char *key, const RlDomainRef *owner, const GArray *images);

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
 * more. When this returns it has closed them.
 */
void rl_witness_dismiss(const char *key, bool at_once);
