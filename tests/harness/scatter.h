/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fragmented images, for tests: real ones. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SCATTER_BLOCK 4096

/**
 * scatter:
 * Writes each block of data of the file @fd, open for reading and writing, in the @length bytes
 * from @start on, to a place of its own: it becomes an extent that is nobody else's, and all bytes
 * stay the same. On XFS and btrfs; elsewhere the file stays as it is. All of these are multiples of
 * SCATTER_BLOCK. Durable.
 */
bool scatter(int fd, uint64_t start, uint64_t length, GError **error);

/**
 * scatter_count:
 * How many extents the file @fd has (rl_fragmentation_get()); ends the test where that fails.
 */
uint64_t scatter_count(int fd);
