/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "size-option.h"

#include <string.h>

bool
rl_size_parse(const char *text, guint64 *ret_bytes)
{
    static const char letters[] = "KMGT";
    size_t length = strlen(text);
    const char *letter = length > 1 ? strchr(letters, text[length - 1]) : NULL;
    guint shift = letter ? 10 * (guint) (letter - letters + 1) : 0;
    g_autofree char *digits = g_strndup(text, letter ? length - 1 : length);

    if (!g_ascii_string_to_unsigned(digits, 10, 0, G_MAXINT64 >> shift, ret_bytes, NULL))
        return false;
    *ret_bytes <<= shift;
    return true;
}
