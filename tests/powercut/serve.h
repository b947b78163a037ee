/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process behind a disk, see disk.h. It is one of its own: whoever waits for the disk in the
 * kernel cannot be killed, and must not be who is waited for. */
#pragma once

#include "states.h"

typedef struct {
    const char *path; /* of the file that it serves */
    uint64_t size;
    int file;                   /* what is done is recorded there; -1 for nowhere */
    const Recording *recording; /* what is shown; NULL for nothing */
} Serve;

/* Serves until it is killed. From @commands come States, and an answer of one byte goes
 * there when each is shown, as one does when the file is there. Never returns. */
void serve(const Serve *serve, int commands) G_GNUC_NORETURN;
