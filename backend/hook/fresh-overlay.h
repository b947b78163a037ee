/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An overlay that was made and not used yet. */
#pragma once

#include <stdbool.h>

/**
 * rl_overlay_is_fresh:
 * True if the file or device @fd, open for reading, is a qcow2 image that has no data of its own,
 * not even a table for some, nor a snapshot in it or a file for its data: whatever lies below it is
 * all of the disk. False of other formats, and where it cannot be told. Whoever owns the file can
 * write such a header. Reads a few kilobytes for each terabyte of the disk.
 */
bool rl_overlay_is_fresh(int fd);
