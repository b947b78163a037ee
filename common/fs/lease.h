/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does anybody have an image open for writing? */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_inuse:
 * True if anybody (a guest's device model, a loop device, an upload) has the file of @fd, which is
 * open for reading only, open for writing. Readers, such as backups, do not count. One system call
 * (fcntl(2), F_SETLEASE); any answer but a granted lease counts as in use.
 */
bool rl_lease_has_writer(int fd);

/**
 * rl_lease_has_writer_at:
 * The same for the file @name in @dir. What cannot be opened counts as in use, what is not there
 * does not.
 */
bool rl_lease_has_writer_at(int dir, const char *name);

/**
 * rl_lease_has_opener:
 * As rl_lease_has_writer(), but readers other than @fd count as well.
 */
bool rl_lease_has_opener(int fd);

/**
 * rl_lease_has_opener_at:
 * The same for the file @name in @dir, as rl_lease_has_writer_at().
 */
bool rl_lease_has_opener_at(int dir, const char *name);

/**
 * rl_lease_take:
 * Takes a lease on the file of @fd, which may be open for writing: granted only if nobody else has
 * it open, for whatever. It lasts until @fd is closed; who opens the file meanwhile waits until
 * then, and takes it away after 45 seconds (/proc/sys/fs/lease-break-time). False where it is not
 * granted.
 */
bool rl_lease_take(int fd);

/**
 * rl_lease_is_held:
 * True if the lease of rl_lease_take() is still there and nobody waits for its end.
 */
bool rl_lease_is_held(int fd);

/**
 * rl_lease_take_for_reading:
 * The same on a file that is open for reading only; granted if nobody has it open for writing. Who
 * opens it for writing meanwhile waits; readers do not. False with an errno: EAGAIN where somebody
 * has it open for writing, another where the file system has no leases.
 */
bool rl_lease_take_for_reading(int fd);

/**
 * rl_lease_is_held_for_reading:
 * True if the lease of rl_lease_take_for_reading() is still there and nobody waits for its end.
 */
bool rl_lease_is_held_for_reading(int fd);
