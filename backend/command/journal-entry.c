/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal-entry.h"

#include <string.h>

static void
skip_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t' || **at == '\n' || **at == '\r')
        (*at)++;
}

/* True if @c comes next, which is passed over with the blanks before it. */
static bool
take(const char **at, char c)
{
    skip_blanks(at);
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* The four digits of \uXXXX. A half of a pair stands for no character of its own: journald writes
 * the other characters as they are. */
static bool
take_code(const char **at, GString *out)
{
    gunichar code = 0;

    for (int i = 0; i < 4; i++, (*at)++) {
        int digit = g_ascii_xdigit_value(**at);
        if (digit < 0)
            return false;
        code = code * 16 + (gunichar) digit;
    }
    g_string_append_unichar(out, code && g_unichar_validate(code) ? code : 0xfffd);
    return true;
}

static bool
take_escape(const char **at, GString *out)
{
    static const char marks[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = **at;
    const char *mark = c ? strchr(marks, c) : NULL;

    if (!c)
        return false;
    (*at)++;
    if (c == 'u')
        return take_code(at, out);
    if (!mark)
        return false;
    g_string_append_c(out, meant[mark - marks]);
    return true;
}

/* Owned by the caller; NULL where there is no string that is whole. */
static char *
take_string(const char **at)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (!take(at, '"'))
        return NULL;
    while (**at && **at != '"') {
        if (**at != '\\') {
            g_string_append_c(out, *(*at)++);
            continue;
        }
        (*at)++;
        if (!take_escape(at, out))
            return NULL;
    }
    return take(at, '"') ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

/* A number, or true, false, null. */
static bool
skip_word(const char **at)
{
    const char *start = *at;

    while (g_ascii_isalnum(**at) || (**at && strchr("+-.", **at)))
        (*at)++;
    return *at > start;
}

static bool
skip_plain(const char **at)
{
    skip_blanks(at);
    if (**at != '"')
        return skip_word(at);
    g_autofree char *text = take_string(at);
    return text != NULL;
}

/* Bytes that are no text, or the values of a field that the entry has more than once. */
static bool
skip_array(const char **at)
{
    if (take(at, ']'))
        return true;
    for (;;) {
        bool inner = take(at, '[');
        if (inner && !take(at, ']')) {
            do {
                if (!skip_plain(at))
                    return false;
            } while (take(at, ','));
            if (!take(at, ']'))
                return false;
        } else if (!inner && !skip_plain(at)) {
            return false;
        }
        if (take(at, ']'))
            return true;
        if (!take(at, ','))
            return false;
    }
}

/* *@ret_text is the value, owned by the caller; NULL for what is no string. */
static bool
take_value(const char **at, char **ret_text)
{
    *ret_text = NULL;
    skip_blanks(at);
    if (**at == '"')
        return (*ret_text = take_string(at)) != NULL;
    return take(at, '[') ? skip_array(at) : skip_word(at);
}

static void
keep(RlJournalEntry *entry, const char *name, char *value)
{
    g_autofree char *text = value;
    guint64 number = 0;
    bool counts = text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &number, NULL);
    char **kept = NULL;

    if (strcmp(name, "MESSAGE") == 0)
        kept = &entry->message;
    else if (strcmp(name, "REFLINK_EVENT") == 0)
        kept = &entry->event;
    if (kept) {
        g_free(*kept);
        *kept = g_steal_pointer(&text);
    } else if (counts && strcmp(name, "__REALTIME_TIMESTAMP") == 0) {
        entry->time_us = (gint64) number;
    } else if (counts && strcmp(name, "REFLINK_REVISION") == 0) {
        entry->revision = number;
    }
}

static bool
read_members(const char **at, RlJournalEntry *entry)
{
    if (!take(at, '{'))
        return false;
    if (take(at, '}'))
        return true;
    do {
        g_autofree char *name = take_string(at);
        char *value;
        if (!name || !take(at, ':') || !take_value(at, &value))
            return false;
        keep(entry, name, value);
    } while (take(at, ','));
    return take(at, '}');
}

bool
rl_journal_entry_read(const char *line, RlJournalEntry *ret_entry)
{
    g_auto(RlJournalEntry) entry = {0};
    const char *at = line;

    *ret_entry = (RlJournalEntry){0};
    if (!read_members(&at, &entry))
        return false;
    skip_blanks(&at);
    if (*at)
        return false;
    *ret_entry = entry;
    entry = (RlJournalEntry){0};
    return true;
}

void
rl_journal_entry_clear(RlJournalEntry *entry)
{
    g_free(entry->message);
    g_free(entry->event);
    *entry = (RlJournalEntry){0};
}

char *
rl_journal_entry_add(const char *line, const char *name, const char *value)
{
    const char *end = strrchr(line, '}');

    return end ? g_strdup_printf("%.*s,\"%s\":\"%s\"%s", (int) (end - line), line, name, value, end)
               : g_strdup(line);
}
