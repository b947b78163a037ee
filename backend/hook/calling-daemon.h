/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has called this program: libvirt's daemon, or the launcher (backend/launcher), which the
 * daemon has called, and which waits for our answer. */
#pragma once

#include <stdbool.h>

/**
 * rl_calling_daemon_follow:
 * Lets this process end with the launcher, if that has called it: libvirt takes the launcher's end
 * for ours, and goes on. Processes that are forked from now on are not concerned.
 */
void rl_calling_daemon_follow(void);

/**
 * rl_calling_daemon_pid:
 * The process that has called the hook, without the launcher and scripts of the site in between:
 * libvirt's daemon, unless that is dead. Then the next one above the launcher. 0 where that cannot
 * be told.
 */
int rl_calling_daemon_pid(void);

/**
 * rl_calling_daemon_is_one:
 * True if the process @pid is libvirt's daemon for domains, and not a script, nor init since the
 * daemon is dead.
 */
bool rl_calling_daemon_is_one(int pid);

/**
 * rl_calling_daemon_find:
 * libvirt's daemon among the processes that this one descends from, also where scripts are in
 * between; *@ret_child is the process that it has begun for this call. 0 where there is none.
 */
int rl_calling_daemon_find(int *ret_child);
