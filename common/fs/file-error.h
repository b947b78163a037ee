/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which file an error is about, where only its descriptor is known. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_file_label:
 * Returns how a message names the file @fd, owned by the caller: its path in quotes, "a new file in
 * 'DIRECTORY'" if it has no name yet, "a file" if /proc does not tell. Keeps errno.
 */
char *rl_file_label(int fd);

/**
 * rl_fail_file:
 * rl_fail_errno(), whose sentence ends with the name of the file @fd: "cannot examine" becomes
 * "cannot examine '/srv/pools/web1.img': Input/output error".
 */
bool rl_fail_file(GError **error, int saved_errno, int fd, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/**
 * rl_fail_file_at:
 * The same about the file @name of the directory @dir; about @dir itself if @name is "".
 */
bool rl_fail_file_at(GError **error, int saved_errno, int dir, const char *name, const char *format,
                     ...) G_GNUC_PRINTF(5, 6);
