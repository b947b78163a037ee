/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The owner of an image can give it attributes of his own (user.*), and so take the room that one
 * of ours needs. */
#pragma once

#include <stdbool.h>

/**
 * rl_xattr_make_room:
 * Removes attributes user.* of the file @fd that leave no room for its attribute @name: ENOSPC or
 * EOVERFLOW was the answer to setting that. On ext4, where all attributes of a file share one
 * block, all that the owner of an image that a domain runs on has put there; on btrfs, where those
 * whose names have the same checksum share one item, these. True if any was removed; the log says
 * so then.
 */
bool rl_xattr_make_room(int fd, const char *name);
