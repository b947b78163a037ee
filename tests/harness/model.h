/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small model of a pool, for the tests that cut operations off: images whose whole content says
 * which state they are, and looks at the pool that tell one complete state from another. Nothing
 * here ends the program; what it says comes as a GError. */
#pragma once

#include "common/format/image-owner.h"
#include "common/pool/pool.h"
#include "lab.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define RL_MODEL_BLOCK 4096

/* --- content */

/**
 * rl_model_write:
 * Makes all of the file @fd, @size bytes (a multiple of RL_MODEL_BLOCK), the state @tag: each block
 * says its tag, its number and @size in every 32 bytes, but for those that a rule of the number
 * leaves as holes. Tag 0 is one hole. Blocks are written in their order; nothing is fsynced. The
 * file's size is changed only if it is another one.
 */
bool rl_model_write(int fd, uint64_t size, uint64_t tag, GError **error);

/**
 * rl_model_block_is_hole:
 * True if rl_model_write() leaves that block out.
 */
bool rl_model_block_is_hole(uint64_t number);

/**
 * rl_model_write_block:
 * Writes one block as rl_model_write() does, for whoever plays a guest that is cut off; nothing
 * where that is a hole.
 */
bool rl_model_write_block(int fd, uint64_t size, uint64_t tag, uint64_t number, GError **error);

/**
 * rl_model_read:
 * Says in *@ret_tag which state all of the file @fd is. It may have been made longer (by zeros) or
 * shorter since. False with RL_ERROR_INVALID, naming the block, if it is a mixture of states, or
 * torn, or anything else.
 */
bool rl_model_read(int fd, uint64_t *ret_tag, GError **error);

/* --- pools */

/**
 * rl_model_pool:
 * Opens the pool at @path with our documents, owned by the caller; NULL with @error.
 */
RlPool *rl_model_pool(const char *path, GError **error);

/**
 * rl_model_build:
 * Makes the directory @path a pool that keeps @keep automatic revisions of a volume.
 */
bool rl_model_build(const char *path, int keep, GError **error);

/**
 * rl_model_create:
 * Makes the volume @name of @kind (@source: for snapshots), with the content @tag where the kind
 * has one. Its clean image is dated a minute back, so that runs that write nothing can be told.
 */
bool rl_model_create(const char *pool_path, const char *name, RlKind kind, const char *source,
                     uint64_t tag, uint64_t size, GError **error);

/**
 * rl_model_fill:
 * Plays the guest: makes the volume's dirty image the state @tag, in its present size.
 */
bool rl_model_fill(const RlPool *pool, const char *name, uint64_t tag, GError **error);

/* --- states */

/**
 * rl_model_describe:
 * Returns what the engine sees in @pool, owned by the caller: sorted lines, one a volume and one a
 * revision.
 *
 *     vm/private persistent stopped size=65536 clean=3/65536 dirty=none
 *     vm/private@1 1/65536
 *     vm/private@before-upgrade 2/65536
 *     vm/private@2 3/65536 is-clean          (of a commit that was cut off)
 *     vm/root snapshot left kept size=65536 clean=none dirty=4/65536
 *
 * An image is TAG/BYTES; one that rl_model_read() refuses is "torn/BYTES". After the state there
 * is the word of an image's hold, where that is no state of its own ("kept", "restored"). A
 * revision whose volume is gone has its line, too.
 */
char *rl_model_describe(const RlPool *pool, GError **error);

/* In the pool's own directory: an image that is to be adopted, and no leftover. */
#define RL_MODEL_PLAIN "plain.img"

/**
 * rl_model_leftovers:
 * Returns the names in the pool's tree that belong to no volume's present state, sorted, strings
 * owned by the array, and that by the caller: temporaries; precaches that are not valid; short
 * paths that lead nowhere; records, precaches and automatic revisions of volumes that are gone;
 * empty directories below the first level, with a slash behind. NULL with @error for what no
 * operation of ours can have left there.
 */
GPtrArray *rl_model_leftovers(const RlPool *pool, GError **error);

/**
 * rl_model_repair_paths:
 * Repairs the links that are volumes' paths, as a refresh of @pool does. False with
 * RL_ERROR_INVALID if one of them does not lead to the right image then.
 */
bool rl_model_repair_paths(const RlPool *pool, GError **error);

typedef enum {
    RL_MODEL_GUEST_CUT = 1 << 0, /* a guest was cut off while it wrote: dirty images may be torn */
    RL_MODEL_MOVE_CUT = 1 << 1,  /* a renaming was: two volumes may have one clean image */
} RlModelFlags;

/**
 * rl_model_check:
 * True if @pool could be so after any crash:
 * - every image (clean, revision, valid precache, and dirty) is one whole state and not empty;
 * - a precache that counts as valid has the content of what it was made from;
 * - no two revisions of a volume have one number or label, none is another one's inode, and
 *   one that is the clean image itself has the highest number of all;
 * - clean images carry nothing that is said of a dirty one; ids are ids, and no two inodes have
 *   the same; the highest number that a clean image knows is that of no revision's beyond;
 * - no record contradicts the images;
 * - there is nothing that rl_model_leftovers() cannot explain.
 * Else false with RL_ERROR_INVALID.
 */
bool rl_model_check(const RlPool *pool, RlModelFlags flags, GError **error);
