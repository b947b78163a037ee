/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image at rest on which a run of another inode is noted: it is a copy of an image that a domain
 * ran on. A program that reads names first and files by their inodes later (xfsdump) makes one, for
 * the file that was the clean image then can be the running one by now. Parts of it may be of
 * different moments. What is at rest has no run noted; a direct volume's clean image may, of a
 * start that was cut off, but on its own inode. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_torn_require_none:
 * True unless the image at rest @fd, the file @file of @volume, is such a copy: RL_ERROR_STATE,
 * which says what to do. One read of an attribute.
 */
bool rl_torn_require_none(const char *volume, const char *file, int fd, GError **error);
