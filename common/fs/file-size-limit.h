/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The largest file that this process may make (setrlimit(2), RLIMIT_FSIZE; LimitFSIZE= of a
 * service). To go beyond it costs the process its life, with SIGXFSZ, or is a plain EINVAL
 * (FICLONE): neither says what is wrong. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * rl_limit_allows_size:
 * True if the regular file @fd may be made @size bytes large, or has as many already. Else false
 * with EFBIG, naming the limit.
 */
bool rl_limit_allows_size(int fd, uint64_t size, GError **error);
