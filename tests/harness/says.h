/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a test asks of a message. Its prose may be put in other words at any time; what it is about,
 * and the one word of the glossary that tells it from another with the same code, may not. */
#pragma once

#include <stdbool.h>

/**
 * rl_says:
 * True if @message has each of @words in it, which are separated by " & ": "'vm/root' & saved". In
 * any order, and in upper or lower case.
 */
bool rl_says(const char *message, const char *words);
