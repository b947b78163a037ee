/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that are suspect and could not be marked so: the disk that lost a guest's writes may be
 * full, or take nothing. The kernel reports that once, so it is noted in /run, which is in memory,
 * by the image's inode number and time of birth: another mount of its file system can have another
 * device number. After a boot of the host it is not known any more. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_lost_name:
 * The name of a note on the image @fd, owned by the caller; NULL with the errno of what failed. Who
 * may have to note it when the file system has failed, and says nothing any more, asks before.
 */
char *rl_lost_name(int fd, GError **error);

/**
 * rl_lost_note_as:
 * As rl_lost_note(), of the image that rl_lost_name() has given @name.
 */
bool rl_lost_note_as(const char *name, GError **error);

/**
 * rl_lost_note:
 * Notes that not all that was written to the image @fd is on the disk. False with @error.
 */
bool rl_lost_note(int fd, GError **error);

/**
 * rl_lost_is_noted:
 * *@ret_lost says whether that was noted of the image @fd. Where nothing was, it costs one
 * lstat(2) that fails.
 */
bool rl_lost_is_noted(int fd, bool *ret_lost, GError **error);

/**
 * rl_lost_forget:
 * Removes what was noted of the image @fd, where there is anything: an administrator has decided,
 * or it is marked by now.
 */
void rl_lost_forget(int fd);
