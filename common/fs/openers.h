/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which process has a file open: for a message, once a lease has told that one has. */
#pragma once

#include <glib.h>

typedef enum {
    RL_OPENERS_WRITING, /* those that have it open for writing */
    RL_OPENERS_ALL,     /* also for reading, but not the calling process */
} RlOpeners;

/**
 * rl_opener_describe:
 * Says which process of @openers has the file of @fd open: "process 42 (qemu-nbd,
 * /usr/bin/qemu-nbd)", or
 * "/dev/loop0". Owned by the caller; NULL where it cannot be told: a process of another PID
 * namespace, a mapping whose descriptor was closed, the kernel itself. Looks through /proc/PID/fd
 * (proc(5)), so it is for errors only; it gives up after half a second.
 */
char *rl_opener_describe(int fd, RlOpeners openers);
