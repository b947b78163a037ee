/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that the engine does, each with what there is before it. */
#pragma once

#include "model/model.h"
#include "tracer.h"

typedef enum {
    /* A crash, and a failure, may leave a part of it, as docs/design.md says: what is described
     * then has no line that was not there before or is there after. */
    OP_IN_PARTS = 1 << 0,
    /* After a crash an image is left that nobody runs on: the next start goes on with it. */
    OP_LEAVES = 1 << 1,
    /* And committing what was left makes a revision that the operation would not have made. */
    OP_COUNTS_AS_WRITTEN = 1 << 2,
    /* What cannot be told counts as written: it may make a revision too many, or no precache. */
    OP_IS_CAREFUL = 1 << 3,
    /* If it fails the number of the revision that was to be is not given again. */
    OP_SKIPS_NUMBERS = 1 << 4,
    /* An error can tell of what comes after the deed: the image is kept, and still says who ran on
     * it; the size is changed, and no loop device knows. */
    OP_ERROR_COMES_LATE = 1 << 5,
    /* A loop device lies on the dirty image of V meanwhile. */
    OP_ON_DEVICE = 1 << 6,
    /* It has no errors: what it cannot do is left for another time. */
    OP_MAY_DO_NOTHING = 1 << 7,
    /* By a process that AppArmor confines: new files have names. */
    OP_CONFINED = 1 << 8,
    /* What may have users, as far as it can tell, is left for another time: it may do a part of
     * what it was to, and say nothing. */
    OP_MAY_DO_PARTS = 1 << 9,
    /* Dates of another boot tell no write: where blocks cannot tell it either, and it cannot see
     * which boot it is, the image counts as written and is left to the next start. */
    OP_NEEDS_BOOT = 1 << 10,
} OperationFlags;

typedef struct {
    const char *name;
    FaultFunction prepare; /* makes the pool, by the engine */
    FaultFunction run;     /* the operation */
    FaultFunction again;   /* after a crash that left the old state; NULL: the operation itself */
    int flags;
} Operation;

/* --- what operations are made of */

/* Of an image that ends in a hole: what is copied of it does not make it as large. */
#define SIZE (15 * RL_MODEL_BLOCK)
#define V "vm/private"
#define ROOT "vm/root"        /* a snapshot of V */
#define SCRATCH "vm/volatile" /* a volatile volume */
#define DIRECT "vm/direct"    /* a direct one */

/* The pool in @work, owned by the caller; opening it does not count. */
RlPool *pool_of(const char *work, GError **error);

/* The path of the file of that role below @work, owned by the caller. */
char *file_of(const char *work, const char *name, RlFileRole role);

/* The file system has no reflinks. */
bool pools_copy(void);

/* Makes the directory @path a pool that keeps 3 revisions; without reflinks, one that copies. */
bool build_at(const char *path, GError **error);

/* Steps of a preparation. */
bool build(const char *work, GError **error);
bool make_private(const char *work, GError **error); /* clean 3, revisions 1 and 2, "named" 3 */
bool make(const char *work, const char *name, RlKind kind, GError **error);
bool maintain(const char *work, const char *name, GError **error);
bool start_for(const char *work, const char *name, const RlDomainRef *owner, GError **error);
bool fill(const char *work, const char *name, uint64_t tag, GError **error);
/* The run on the dirty image is one of before the host's last boot. */
bool make_old(const char *work, const char *name, GError **error);

/* Stops the run of @owner (NULL: whoever's) and wants @wanted of it. */
bool stop_for(const char *work, const char *name, const RlDomainRef *owner, RlStop wanted,
              GError **error);

/* The operations themselves, by what they are about; each array ends with one without a name. */
extern const Operation making_operations[], running_operations[], keeping_operations[],
    noting_operations[], changing_operations[], alias_operations[], pool_operations[];
