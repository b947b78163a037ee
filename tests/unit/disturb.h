/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System calls of the engine that fail, or that something else comes before, in a unit test. */
#pragma once

#include "testing.h"

#include <sys/syscall.h>

/* What is to be tried; false with @error where it fails. */
typedef bool (*Attempt)(Lab *lab, GError **error);

typedef struct {
    long nr;     /* of the call, SYS_...; 0: all that concern files */
    long also;   /* another one, as if it were the same; 0: none */
    guint first; /* the first of them that this is about: 1, 2, ... */
    guint count; /* of so many; 0: of all that follow */
    int code;    /* they fail with this; 0: they are made as they are */
    /* Comes before them, as what another process does might: the errno that the call fails with,
     * or 0. May be NULL. */
    int (*before)(Lab *lab);
    guint made; /* when it is over: so many such calls there were */
} Disturbance;

/* Tries it in a thread of its own, disturbed; returns what it returned. Threads that it begins are
 * disturbed as well, and waited for. */
bool disturb(Lab *lab, Disturbance *disturbance, Attempt attempt, GError **error);

/* All calls @nr fail with EIO: the attempt must fail, too, with an error. */
void fails_without(Lab *lab, long nr, Attempt attempt);

typedef enum {
    GONE = 1 << 0,  /* the calls fail also as if somebody had just removed something */
    AGAIN = 1 << 1, /* ... as if a signal had come */
    LOST = 1 << 2,  /* ... and with each all that follow */
} More;

typedef struct {
    const char *name;
    void (*prepare)(Lab *lab);
    Attempt attempt;
    int more;
} Operation;

/* Each operation fails in each of its system calls, in turn, in an emptied pool: it says so, or has
 * done what it was to do. */
void fail_every_call(Lab *lab, const Operation *operations, size_t count);
