/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does steps in a child process whose system calls are watched, and lets one of them fail, or
 * kills the process before or after it. */
#pragma once

#include "calls.h"
#include "harness/steps.h"

typedef enum {
    FAULT_NONE,
    FAULT_ERRNO, /* the call is not made, and fails */
    FAULT_SHORT, /* the call reads or writes half of what it was asked to */
    FAULT_KILL_BEFORE,
    FAULT_KILL_AFTER,
} FaultKind;

typedef struct {
    FaultKind kind;
    int thread, number; /* of the call, as in Call */
    int code;           /* FAULT_ERRNO: the errno */
} Fault;

typedef struct {
    bool hit;    /* the call was reached */
    bool killed; /* and the process killed there */
    bool died;   /* it ended by itself in another way than by returning: a crash */
    bool ok;     /* what the steps came to */
    char message[512];
} Outcome;

/**
 * fault_run:
 * Does @steps on the pool below @work in a child, and waits for it and all its threads. @calls
 * (Call, may be NULL) gets the calls that counted, in order.
 */
Outcome fault_run(const Step *steps, const char *work, const Fault *fault, GArray *calls);

/**
 * fault_confine:
 * From now on (or not any more) the processes find that AppArmor confines them: in this mount
 * namespace /proc says so to each of them.
 */
void fault_confine(bool confined);
