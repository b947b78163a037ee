/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loop devices (loop(4)): Xen's disks are files behind them, and they must be told of a new size.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_loop_update_size:
 * Makes every loop device on the file of @fd take over the file's size (LOOP_SET_CAPACITY). Devices
 * are found by the name that the file has now, and device and inode number, so symbolic links and
 * renames do not matter. Fails with the errno of the first device that refused, or that may be on
 * the file and could not be asked, after having tried all.
 */
bool rl_loop_update_size(int fd, GError **error);

/**
 * rl_loop_find_writer:
 * Returns the path of a loop device on the file of @fd that can be written to, owned by the caller;
 * NULL where there is none, or where it cannot be told. Devices are found as above.
 */
char *rl_loop_find_writer(int fd);
