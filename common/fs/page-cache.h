/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel keeps of a file in memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/**
 * rl_page_cache_drop:
 * Makes the kernel drop the pages that it keeps of the file @fd, which is readable, @size bytes
 * large, and open nowhere else, after it has written what is new of them. True if none is left. A
 * page that a process has begun to read into keeps its place, and would be filled after that
 * process has closed the file (docs/security.md, "A page that is still to be filled"). False also
 * where it cannot be told.
 */
bool rl_page_cache_drop(int fd, uint64_t size);
