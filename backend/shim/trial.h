/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does the module fit? Tried where it can do no harm. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* It takes milliseconds; a process that hangs is waited for no longer. */
#define RL_TRIAL_SECONDS 5
#define RL_TRIAL_ATTEMPTS 2

/**
 * rl_trial:
 * Calls @prove in a child process, which may crash or hang. True if it has returned NULL; else
 * false with what it has returned, or what became of it, in @ret_why. Where the child hangs, one
 * more is tried, RL_TRIAL_ATTEMPTS in all. Leaves no process.
 */
bool rl_trial(const char *(*prove)(void), char *ret_why, size_t size);
