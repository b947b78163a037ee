/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which libvirt has called us: by the library that the daemon runs with, not the one on the disk.
 */
#pragma once

#include <stdbool.h>

/**
 * rl_daemon_saves_through_pipe:
 * True if libvirt's daemon, the process @pid, gives no emulator the save file itself open for
 * writing: what root's file holds besides the memory root has written. So it is before libvirt
 * 11.2, whose format "sparse" does (qemuSaveImageCreateFd() in src/qemu/qemu_saveimage.c); a file
 * does not tell, since its header can be that emulator's. Where the version cannot be told: false.
 */
bool rl_daemon_saves_through_pipe(int pid);

/**
 * rl_daemon_drops_refused_saves:
 * True if libvirt's daemon, the process @pid, removes a managed save whose `restore` call a hook
 * refuses, and says that the domain has started: so it is from libvirt 11.2 on
 * (qemuDomainObjRestore() in src/qemu/qemu_driver.c, where the answer is still that of the reading
 * of the file). 12.8.0 and 12.9.0 keep it; since which version is not known, so for them it is true
 * as well. What `prepare` refuses stays with all. Where the version cannot be told: false.
 */
bool rl_daemon_drops_refused_saves(int pid);

/**
 * rl_daemon_reads_ahead:
 * True if libvirt's daemon @pid may have had all of a short save file read and closed before it
 * calls a hook (read-ahead.h). False where the version cannot be told.
 */
bool rl_daemon_reads_ahead(int pid);
