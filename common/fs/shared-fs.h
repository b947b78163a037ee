/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Can a directory be another host's as well? Locks in /run and the leases that tell who has an
 * image open are this host's alone: on a file system that several hosts mount they protect nothing.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * rl_shared_fs_name:
 * Returns the name, static, of the file system with the magic number @type (statfs(2), f_type) if
 * several hosts can mount one at the same time, or if it cannot be told what is behind it (FUSE,
 * 9p); NULL for any other.
 */
const char *rl_shared_fs_name(uint64_t type);

/**
 * rl_shared_fs_require_none:
 * True if @dir, the directory of the pool @path, lies on no such file system. Else false with
 * RL_ERROR_UNSUPPORTED, naming that; or with an errno where it cannot be told.
 */
bool rl_shared_fs_require_none(int dir, const char *path, GError **error);

/**
 * rl_shared_fs_is_private:
 * True if what lies in the directory @dir can be no other host's: its file system is one that is
 * known to be local and to lie on a block device, and the NFS server of this host exports nothing
 * of it. Any doubt is no. What a server in user space gives away (Samba, virtiofsd) is not seen.
 */
bool rl_shared_fs_is_private(int dir);

/**
 * rl_shared_fs_is_exported:
 * True if one of the lines of @exports, as the kernel's NFS server and exportfs(8) write them, has
 * to do with the directory @dir: what is exported lies on the same file system, above it or below
 * it. Any doubt is yes.
 */
bool rl_shared_fs_is_exported(int dir, const char *exports);
