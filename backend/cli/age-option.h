/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long ago, as a person types it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* A hundred years: what is longer ago is a slip of the keyboard. */
#define RL_AGE_MAX_SECONDS (G_GUINT64_CONSTANT(100) * 366 * 24 * 60 * 60)

/**
 * rl_age_parse:
 * Reads @text, a decimal number and one of s, m, h, d, w (seconds to weeks), into *@ret_seconds.
 * False for anything else, and for more than RL_AGE_MAX_SECONDS.
 */
bool rl_age_parse(const char *text, guint64 *ret_seconds);
