/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has called this program: libvirt's daemon, or the launcher (backend/launcher), which the
 * daemon has called, and which waits for our answer. */
#pragma once

/**
 * rl_caller_follow:
 * Lets this process end with the launcher, if that has called it: libvirt takes the launcher's end
 * for ours, and goes on. Processes that are forked from now on are not concerned.
 */
void rl_caller_follow(void);

/**
 * rl_caller_daemon:
 * The process that has called the hook, without the launcher in between: libvirt's daemon, unless
 * that is dead or a script called us. 0 where that cannot be told.
 */
int rl_caller_daemon(void);
