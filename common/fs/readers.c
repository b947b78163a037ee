/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "readers.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void
rl_readers_file(dev_t dev, ino_t ino, char *buffer)
{
    snprintf(buffer, RL_READERS_FILE_SIZE, "%lx-%lx", (unsigned long) dev, (unsigned long) ino);
}

bool
rl_readers_are_noted(dev_t dev, ino_t ino)
{
    char path[sizeof(RL_READERS_DIR "/") + RL_READERS_FILE_SIZE] = RL_READERS_DIR "/";

    rl_readers_file(dev, ino, path + sizeof(RL_READERS_DIR "/") - 1);
    return access(path, F_OK) == 0 || errno != ENOENT;
}
