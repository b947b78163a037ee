/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which build of a shared library is this process running? */
#pragma once

#include <stdbool.h>

/* A SHA-1, the longest build-id in use, in hex. */
#define RL_BUILD_ID_MAX 129

/**
 * rl_build_id:
 * Writes the GNU build-id of the loaded library whose file name is @library ("libvirt.so.0") into
 * @ret_id, in hex. False where it is not loaded or has none. ELF notes: elf(5), "Notes (Nhdr)".
 */
bool rl_build_id(const char *library, char ret_id[RL_BUILD_ID_MAX]);
