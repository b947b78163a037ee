/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System calls of the engine that fail, or that something else comes before, in a unit test. */
#pragma once

#include "lab.h"

#include <sys/syscall.h>

/* What is to be tried; false with @error where it fails. */
typedef bool (*Attempt)(Lab *lab, GError **error);

/* Defines one that is a single expression. */
#define ATTEMPT(name, ...)                     \
    static bool name(Lab *lab, GError **error) \
    {                                          \
        (void) lab;                            \
        (void) error;                          \
        return __VA_ARGS__;                    \
    }

/* A start and a stop as such an expression. */
bool try_start(Lab *lab, const char *name, const RlDomainRef *owner, GError **error);
bool try_stop(Lab *lab, const char *name, const RlDomainRef *owner, GError **error);

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
