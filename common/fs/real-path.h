/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a path leads, told as a path. A magic link of proc(5) (/proc/PID/root, cwd, fd/N) leads to
 * what another process has, in a mount namespace of its own perhaps: the same text leads elsewhere
 * here. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_real_path_open:
 * Opens @path with O_PATH and @flags; symbolic links are followed, magic links are not. Returns the
 * descriptor, owned by the caller; -1 with an errno of open(2), EXDEV where a magic link is on the
 * way.
 */
int rl_real_path_open(const char *path, int flags);

/**
 * rl_real_path_of:
 * Returns the path of the directory @fd, owned by the caller: it was opened again by that, and is
 * the same directory in the same mount. That of a directory that is removed is the one that it had,
 * with what the kernel puts behind. NULL with @error: RL_ERROR_STATE where this process has no path
 * to it.
 */
char *rl_real_path_of(int fd, GError **error);
