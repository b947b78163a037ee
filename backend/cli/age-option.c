/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "age-option.h"

#include <string.h>

bool
rl_age_parse(const char *text, guint64 *ret_seconds)
{
    static const char letters[] = "smhdw";
    static const guint seconds[] = {1, 60, 60 * 60, 24 * 60 * 60, 7 * 24 * 60 * 60};
    size_t length = strlen(text);
    const char *letter = length > 1 ? strchr(letters, text[length - 1]) : NULL;

    if (!letter)
        return false;
    guint unit = seconds[letter - letters];
    g_autofree char *digits = g_strndup(text, length - 1);
    if (!g_ascii_string_to_unsigned(digits, 10, 0, RL_AGE_MAX_SECONDS / unit, ret_seconds, NULL))
        return false;
    *ret_seconds *= unit;
    return true;
}
