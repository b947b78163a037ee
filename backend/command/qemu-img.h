/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images in other formats become raw: qemu-img(1) does that, in a process of its own. What is
 * converted comes from elsewhere, so its format is a matter of the caller's, never of its content,
 * and it can name no other file. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/progress.h"

/**
 * rl_qemu_img_format:
 * Returns the format, as qemu-img calls it, of a file whose name ends as that of @path does: of
 * ".qcow2", ".vmdk", ".vdi", ".vhdx", ".vhd" and ".raw". Static; NULL for any other name: ".img",
 * for one, is used for raw and for qcow2.
 */
const char *rl_qemu_img_format(const char *path);

/**
 * rl_qemu_img_knows:
 * True for the formats that rl_qemu_img_size() and rl_qemu_img_convert() take.
 */
bool rl_qemu_img_knows(const char *format);

/**
 * rl_qemu_img_size:
 * Sets *@ret_bytes to the size of the disk that the file @fd, readable, holds in @format. False
 * with RL_ERROR_UNSUPPORTED where it names another file (a backing file, external data, an extent)
 * or is encrypted, and where qemu-img is missing; RL_ERROR_INVALID where it is not of that format,
 * or damaged or cut off: qemu-img itself reads zeros beyond the end of a file.
 */
bool rl_qemu_img_size(int fd, const char *format, uint64_t *ret_bytes, GError **error);

/**
 * rl_qemu_img_convert:
 * Writes the disk that the file @fd holds in @format to @to, which reads as zeros and has at least
 * rl_qemu_img_size(): zeros stay holes. Nothing is durable yet. @size is for @progress. False with
 * an error as above, or where it cannot be read or written; @to can have a part of it then.
 */
bool rl_qemu_img_convert(int fd, const char *format, int to, uint64_t size, RlProgress progress,
                         GError **error);
