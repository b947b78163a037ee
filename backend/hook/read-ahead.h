/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt 12.8.0 has a program read each save file into a pipe, and calls the hook meanwhile. If
 * all of the memory fits there, the program has ended by then, and no process has the file open. */
#pragma once

/**
 * rl_read_ahead_digest:
 * Returns the digest (RlMemory.digest) of what is in the pipe from which libvirt's daemon, the
 * process @pid, is about to read a domain's memory, owned by the caller; NULL if that is not one
 * pipe for sure. It stays in the pipe. Call it at `restore`: later a program that decompresses it
 * has read from that.
 */
char *rl_read_ahead_digest(int pid);
