/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be longer than the terminal goes through less(1), as journalctl(1) does it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/**
 * rl_pager_begin:
 * What is written to stdout from now on goes through the pager, if stdout is a terminal. Returns
 * its process, for rl_pager_end(); 0 where there is none.
 */
pid_t rl_pager_begin(void);

/**
 * rl_pager_end:
 * All is written: waits until the person has read it. Nothing for 0.
 */
void rl_pager_end(pid_t pager);
