/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which build is a file? */
#pragma once

#include <glib.h>

/**
 * rl_elf_build_id:
 * Returns the GNU build-id of the ELF file @path, which is not loaded, in hex, owned by the caller.
 * NULL where it has none, cannot be read, or is no ELF file of this kind of machine (elf(5), "Notes
 * (Nhdr)").
 */
char *rl_elf_build_id(const char *path);
