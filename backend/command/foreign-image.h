/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two looks at the header of an image that is to be imported, which qemu-img does not take. It is
 * no image of a pool. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_foreign_require_alone:
 * For before qemu-img sees the file @fd, which would open what its header names, be that a device
 * or a server, or takes what is only a part for the whole: true if an image in @format, as qemu-img
 * calls it, has no backing file or parent and no external data. Else false with
 * RL_ERROR_UNSUPPORTED; RL_ERROR_INVALID where it is not of that format, or an errno. Knows qcow2,
 * VMDK (but for a parent, which qemu-img names without opening it) and VHD; of the others QEMU
 * itself refuses those that have one.
 */
bool rl_foreign_require_alone(int fd, const char *format, GError **error);

/**
 * rl_foreign_require_whole:
 * True if the file @fd is as long as an image in @format says. qemu-img reads zeros beyond the end
 * of a file, and of VDI its "check" does not look at that. Else false with RL_ERROR_INVALID, or an
 * errno. Knows VDI; for the others it is true.
 */
bool rl_foreign_require_whole(int fd, const char *format, GError **error);
