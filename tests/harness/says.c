/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "says.h"

#include <glib.h>
#include <string.h>

bool
rl_says(const char *message, const char *words)
{
    g_autofree char *said = g_ascii_strdown(message, -1);
    g_auto(GStrv) each = g_strsplit(words, " & ", -1);

    for (char **word = each; *word; word++) {
        g_autofree char *wanted = g_ascii_strdown(*word, -1);
        if (!strstr(said, wanted))
            return false;
    }
    return true;
}
