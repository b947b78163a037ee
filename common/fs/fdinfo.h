/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How another process has a file open: /proc/PID/fdinfo (proc(5)). */
#pragma once

#include <glib.h>

/**
 * rl_fdinfo_flags:
 * Returns the flags of open(2) of the descriptor @number, a name in /proc/PID/fd, of the process
 * whose directory in /proc @process is. O_RDONLY where they cannot be told: it may be closed by
 * now. Changes errno.
 */
guint64 rl_fdinfo_flags(int process, const char *number);
