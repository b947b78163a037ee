/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that shares nearly all blocks with another one is made a reflink of that: only what
 * differs is shared anew (ioctl_ficlonerange(2)). A clone of a whole fragmented image, and the
 * freeing of the old one, take a hundred times as long.
 *
 * Where both lie in the same blocks they are equal only if both did so at one time (extents.h). The
 * map of the file that changes is read before and after the other one's: rl_share_changes_find()
 * reads both, rl_share_changes_apply() shares, and rl_share_changes_are_right() reads it again, and
 * has to find all of it where the other one's blocks lay. What is not known so (extents that are
 * not plain, or moved meanwhile) is compared in three readings, and then by bytes. */
#pragma once

#include "map-digest.h"
#include "sparse-copy.h"

/* So many ranges are shared at most; a whole clone is as quick then. */
#define RL_SHARE_RANGES_MAX 16384

/* Of extents that say too little so many bytes are read and compared. */
#define RL_SHARE_DOUBTFUL_MAX ((uint64_t) 64 * 1024 * 1024)

/* What differs. */
typedef struct {
    uint64_t size;      /* of the file that is shared from */
    GArray *ranges;     /* of RlShareRange, by rising place */
    RlMapDigest places; /* of all its blocks when it was read */
} RlShareChanges;

typedef struct {
    uint64_t start, length; /* in bytes */
} RlShareRange;

/**
 * rl_share_changes_find:
 * Finds where the file @to differs from @from, into *@ret_changes, to be cleared by the caller also
 * after a failure. Reads their maps, and changes nothing. RL_ERROR_UNSUPPORTED where that cannot be
 * told (rl_extents_compare()) or too much differs; else an errno.
 */
bool rl_share_changes_find(int from, int to, RlShareChanges *ret_changes, GError **error);

/**
 * rl_share_changes_clear:
 * Frees what @changes has.
 */
void rl_share_changes_clear(RlShareChanges *changes);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlShareChanges, rl_share_changes_clear)

/**
 * rl_share_changes_apply:
 * Gives @to, open for writing, the size and the content of @from in all of @changes. Both have
 * stayed as they were when these were found, and nobody else has @to open. @go_on is called with
 * @data before each range. ECANCELED when it says no, else the errno; then @to holds a part of
 * each.
 */
bool rl_share_changes_apply(const RlShareChanges *changes, int from, int to, RlGoOn go_on,
                            void *data, GError **error);

typedef enum {
    RL_SHARED_RIGHT,
    RL_SHARED_WRONG,   /* the files differ: that is a fault, here or in the file system */
    RL_SHARED_UNKNOWN, /* it cannot be told */
} RlShared;

/**
 * rl_share_changes_are_right:
 * Looks whether @to, where @changes were applied, has the content of @from: all of it by the maps,
 * and of a sample the bytes. @error is set where the answer is not RL_SHARED_RIGHT.
 */
RlShared rl_share_changes_are_right(RlShareChanges *changes, int from, int to, GError **error);
