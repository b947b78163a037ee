/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/**
 * rl_elf_file_is_whole:
 * True if @path is an ELF file that has all that its headers promise. dlopen(3) trusts them: a page
 * that a cut-off file does not have is a SIGBUS for the whole process.
 */
bool rl_elf_file_is_whole(const char *path);
