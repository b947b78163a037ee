/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One lock a volume, between all processes: module, hook, worker, command. Held for metadata
 * operations only: nobody clones, copies or calls libvirt with a lock.
 *
 * Its file is there while somebody holds it or waits for it, and for as long as a process that was
 * killed with it leaves it there: the next to hold it removes it. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/base/paths.h"

/* Longer than any metadata operation, shorter than a person's patience. */
#define RL_LOCK_TIMEOUT_MS 30000

typedef struct {
    int fd;
    char *path; /* of its file */
} RlLock;

/**
 * rl_lock_take:
 * Waits at most @timeout_ms for the lock of @volume in the pool whose root directory has @dev and
 * @ino (two paths to one pool share their locks). @purpose says what for: it is what others are
 * told who wait for it. Returns the lock, owned by the caller; NULL with RL_ERROR_BUSY and the
 * holder's purpose, or an errno.
 */
RlLock *rl_lock_take(dev_t dev, ino_t ino, const char *volume, const char *purpose, int timeout_ms,
                     GError **error);

/**
 * rl_lock_release:
 * Gives the lock back, and removes its file if nobody waits for it; nothing for NULL.
 */
void rl_lock_release(RlLock *lock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlLock, rl_lock_release)
