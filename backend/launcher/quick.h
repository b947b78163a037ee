/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that need no hook program: of domains that have nothing to do with a reflink pool. */
#pragma once

#include <stdbool.h>

/**
 * rl_quick_call:
 * Does what the hook program would do for @operation, one of those that it knows, of the domain
 * whose XML lies on standard input, and returns true; the answer is 0. False where the hook program
 * is to run, for which nothing was read and nothing was done: the domain may have a volume, or had
 * one, or is restored, or its XML names layers below its disks before it runs, or anything of that
 * cannot be told from here.
 */
bool rl_quick_call(const char *operation);
