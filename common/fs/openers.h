/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has a file open for writing: for a message, once a lease has told that somebody has. */
#pragma once

#include <glib.h>

/**
 * rl_opener_describe:
 * Says who has the file of @fd open for writing: "process 42 (qemu-nbd, /usr/bin/qemu-nbd)", or
 * "/dev/loop0". Owned by the caller; NULL where it cannot be told: a process of another PID
 * namespace, a mapping whose descriptor was closed, the kernel itself. Looks through /proc/PID/fd
 * (proc(5)), so it is for errors only; it gives up after half a second.
 */
char *rl_opener_describe(int fd);
