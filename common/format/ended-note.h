/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs whose domain has ended, and whose commit (or whatever its kind asks for) found no space on
 * the disk. What is to be known of them cannot be written there either, on btrfs not even an
 * attribute of the image: so it is noted in /run, which is in memory. After a boot of the host no
 * run is taken for one that may be about to open its image, and the image is a leftover like any
 * other. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * rl_ended_means_full:
 * True if @error says that there is no space, on the disk or in a quota.
 */
bool rl_ended_means_full(const GError *error);

/**
 * rl_ended_note:
 * Notes that the run which began at @since_us on the dirty image @fd of @volume has ended; @dev and
 * @ino are those of the directory of its pool. A failure is only logged: then its image looks for a
 * while as if the domain were about to open it.
 */
void rl_ended_note(dev_t dev, ino_t ino, const char *volume, int fd, gint64 since_us);

/**
 * rl_ended_is_noted:
 * True if that was noted of the run which began at @since_us on the image @fd.
 */
bool rl_ended_is_noted(int fd, gint64 since_us);

/**
 * rl_ended_forget:
 * Removes what was noted of the image @fd, where there is anything.
 */
void rl_ended_forget(int fd);

/**
 * rl_ended_list:
 * Returns the names of the volumes of the pool @dev, @ino of which such a run is noted, owned by
 * the caller; none where that cannot be told. Opens no image. Notes of images that are gone are
 * among them.
 */
GPtrArray *rl_ended_list(dev_t dev, ino_t ino);

/**
 * rl_ended_forget_volume:
 * Removes the notes that name the volume @name of the pool @dev, @ino: its image is gone, or has
 * another run.
 */
void rl_ended_forget_volume(dev_t dev, ino_t ino, const char *name);
