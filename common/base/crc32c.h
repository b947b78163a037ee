/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CRC-32C, the checksum of iSCSI, btrfs and ext4 (RFC 3720, section 12.1). It finds damage; it does
 * not keep out a person who forges data. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * rl_crc32c:
 * Returns the CRC-32C of @size bytes at @data. With SSE 4.2 the processor computes it, at the speed
 * of memory.
 */
uint32_t rl_crc32c(const void *data, size_t size);
