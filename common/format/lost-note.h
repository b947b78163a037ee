/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that are suspect and could not be marked so: the disk that lost a guest's writes may be
 * full, or take nothing. The kernel reports that once, so it is noted in /run, which is in memory,
 * by the image's inode. After a boot of the host it is not known any more. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_lost_note:
 * Notes that not all that was written to the image @fd is on the disk. False with @error.
 */
bool rl_lost_note(int fd, GError **error);

/**
 * rl_lost_is_noted:
 * *@ret_lost says whether that was noted of the image @fd. Where nothing was, it costs one open(2)
 * that fails.
 */
bool rl_lost_is_noted(int fd, bool *ret_lost, GError **error);

/**
 * rl_lost_forget:
 * Removes what was noted of the image @fd, where there is anything: an administrator has decided,
 * or it is marked by now.
 */
void rl_lost_forget(int fd);
