/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random names and ids. */
#pragma once

#include <glib.h>

/**
 * rl_random_hex:
 * Returns @digits random hex digits (at most 32), owned by the caller: from getrandom(2), so that a
 * forked process does not get those of its parent, as it would from GLib.
 */
char *rl_random_hex(int digits);

/**
 * rl_random_temp:
 * Returns what follows the tilde in the name of a temporary file, owned by the caller: six random
 * hex digits with a letter and a digit among them, without the name of a month. No date and no word
 * is that, so a backup is not taken for one (file-name.h).
 */
char *rl_random_temp(void);
