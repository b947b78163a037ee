/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The data of a file that may have holes, and may end early. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * rl_full_read:
 * Reads @size bytes at @offset of @fd; what is behind its end reads as zeros. False with the errno.
 */
bool rl_full_read(int fd, void *buffer, size_t size, uint64_t offset, GError **error);

/**
 * rl_full_write:
 * Writes all @size bytes at @offset of @fd. False with the errno.
 */
bool rl_full_write(int fd, const void *data, size_t size, uint64_t offset, GError **error);

/**
 * rl_next_data:
 * Where from @offset on the next data of @fd begins; UINT64_MAX where there is none. Where it
 * cannot be told all is data.
 */
uint64_t rl_next_data(int fd, uint64_t offset);

/**
 * rl_next_hole:
 * Where from @offset on, which is in data, the next hole of @fd begins; behind its end is one.
 * UINT64_MAX where it cannot be told.
 */
uint64_t rl_next_hole(int fd, uint64_t offset);
