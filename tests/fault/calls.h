/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which system calls count, and how each of them can fail. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#define CALL_ERRNOS_MAX 6

/* One call that concerns a file or the log, as it was seen. */
typedef struct {
    int thread; /* which thread made it: 0 is the one that the operation began in */
    int number; /* and the how many-th call of that thread that counts */
    guint64 nr; /* of the system call */
    char *text; /* "fsync(/x/y)", for people */
    int errnos[CALL_ERRNOS_MAX + 1]; /* how it can fail, ends in 0 */
    guint64 length;      /* bytes, if it can read or write fewer than it was asked to: else 0 */
    bool changes;        /* it can change what is there */
    bool logs;           /* it is the log's: what comes of it matters to nobody */
    bool runs;           /* it does its work even if it fails: close(2) */
    bool asks_for_users; /* by a lease: no answer is a yes */
    bool asks_for_boot;  /* which boot of the host, or mounting, is it? */
    bool syncs;          /* fsync, of anything */
    bool syncs_dir;      /* fsync of a directory */
    bool syncs_dirty;    /* fsync of a dirty image */
} Call;

/**
 * call_number:
 * The number of the @index-th system call that may count, -1 behind the last.
 */
long call_number(size_t index);

/**
 * call_read:
 * Looks at the system call @nr with @args (six) that the thread @tid is about to make. False if it
 * does not count; else @ret_call is filled but for thread and number, and text owned by the caller.
 */
bool call_read(pid_t tid, guint64 nr, const guint64 *args, Call *ret_call);

/**
 * call_errno_name:
 * "EIO" for an errno that some call can give; static.
 */
const char *call_errno_name(int code);
