/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where it is noted, in /run, which domains read an image (common/image/reader.h). */
#pragma once

#include "common/base/paths.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RL_READERS_DIR RL_LOCK_DIR "/readers"
#define RL_READERS_FILE_SIZE 40

/**
 * rl_readers_file:
 * Writes the name of the list of the image @dev, @ino in RL_READERS_DIR to @buffer, which has
 * RL_READERS_FILE_SIZE bytes.
 */
void rl_readers_file(dev_t dev, ino_t ino, char *buffer);

/**
 * rl_readers_are_noted:
 * True if the image @dev, @ino has such a list, or if that cannot be told. It says nothing of who
 * is in it, and takes no lock.
 */
bool rl_readers_are_noted(dev_t dev, ino_t ino);
