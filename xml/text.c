/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#define SHORT 64

static const char *
reference_for(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

void
rl_xml_append_escaped(GString *out, const char *text)
{
    for (; *text; text++) {
        const char *reference = reference_for(*text);
        if (reference)
            g_string_append(out, reference);
        else
            g_string_append_c(out, *text);
    }
}

char *
rl_xml_visible(const char *text, int limit)
{
    GString *out = g_string_new(NULL);
    int count = 0;

    for (; *text && count < limit; text = g_utf8_next_char(text), count++) {
        gunichar c = g_utf8_get_char(text);
        if (g_unichar_isprint(c))
            g_string_append_unichar(out, c);
        else
            g_string_append_printf(out, "\\x{%x}", c);
    }
    g_string_append(out, *text ? "..." : "");
    return g_string_free(out, FALSE);
}

char *
rl_xml_shorten(const char *text)
{
    return rl_xml_visible(text, SHORT);
}

bool
rl_xml_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    guint64 number;

    if (text[0] == '0' && text[1] != '\0')
        return false;
    if (!g_ascii_string_to_unsigned(text, 10, 0, max, &number, NULL))
        return false;
    *ret_number = number;
    return true;
}
