/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many bytes, as a person types it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_size_parse:
 * Reads @text, a decimal number of bytes or of K, M, G or T (powers of 1024) as its last letter
 * says, into *@ret_bytes. False for anything else, and for more than a file can have.
 */
bool rl_size_parse(const char *text, guint64 *ret_bytes);
