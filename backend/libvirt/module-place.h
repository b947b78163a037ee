/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where modules are. Beside the shim, in the version's directory; and where that cannot be written,
 * as on a read-only /usr, in one that is the machine's own. The shim asks as well, which has no
 * library but libc. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define RL_MODULE_FILE "reflink.so"
#define RL_MODULE_STATE_DIR "/var/lib/libvirt-reflink"

typedef enum {
    RL_MODULE_BESIDE, /* a package's or an administrator's, below /usr */
    RL_MODULE_STATE,  /* one that was built on this machine */
    RL_MODULE_PLACES,
} RlModulePlace;

/**
 * rl_module_path:
 * Writes the path that a module for libvirt @version ("9.0.0") has in @place into @ret_path, of
 * @size bytes; @top is the directory that the shim's own is in. False where it is too long.
 */
bool rl_module_path(RlModulePlace place, const char *top, const char *version, char *ret_path,
                    size_t size);

/**
 * rl_module_is_trusted:
 * True if root alone can change what is at @path: the file and each directory that leads to it,
 * after symbolic links, is root's and is not writable for group or others. Else false, with a
 * sentence in @ret_why, of @size bytes, that names the first that is not so, or what failed.
 */
bool rl_module_is_trusted(const char *path, char *ret_why, size_t size);
