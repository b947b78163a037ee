/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that the engine does, each with what there is before it: the one table of operations, for the
 * sweep of faults (tests/fault) and for unit/every-call, which lets the calls fail in a process
 * that lives on. */
#pragma once

#include "steps.h"

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
     * it; the size is changed, and no loop device knows; the image is saved, and a process may have
     * it open. */
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
    /* Like another one to who looks at the disk: the sweep leaves it out. */
    OP_NOT_SWEPT = 1 << 11,
    /* What it cannot do in the quick way it does in another: that a directory, or an image with a
     * temporary name, could not be made durable is no failure of it. */
    OP_HAS_OTHER_WAY = 1 << 12,
    /* A crash may leave the old state in a volume of the new kind. */
    OP_KIND_COMES_FIRST = 1 << 13,
} OperationFlags;

/* What unit/every-call does with it: nothing, or each call fails with EIO, and... */
typedef enum {
    EACH = 1 << 0,
    GONE = 1 << 1,  /* as if somebody had just removed something */
    AGAIN = 1 << 2, /* as if a signal had come */
    LOST = 1 << 3,  /* with all that follow */
} InProcess;

typedef struct {
    const char *name;
    const Step *prepare; /* makes the pool */
    const Step *run;     /* the operation */
    const Step *again;   /* after a crash that left the old state; NULL: the operation itself */
    int flags;
    int in_process;
} Operation;

/* Of an image that ends in a hole: what is copied of it does not make it as large. */
#define SIZE (15 * RL_MODEL_BLOCK)
#define V "vm/private"
#define ROOT "vm/root"        /* a snapshot of V */
#define SCRATCH "vm/volatile" /* a volatile volume */
#define DIRECT "vm/direct"    /* a direct one */

/* Ends with one without a name. */
extern const Operation operations[];
