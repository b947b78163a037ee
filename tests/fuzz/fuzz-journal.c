/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An entry of the journal, whose sentences have names that administrators and clients chose. */
#include "fuzz.h"

#include <string.h>

#include "backend/command/journal-entry.c"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *line = g_strndup((const char *) data, size);
    g_auto(RlJournalEntry) entry = {0}, again = {0};

    if (!rl_journal_entry_read(line, &entry)) {
        g_assert_null(entry.message);
        g_assert_null(entry.event);
        return 0;
    }
    if (strlen(line) < 3 || strspn(line, " {\t\r\n}") == strlen(line))
        return 0;
    /* A member more is read as well, and nothing else has become of the entry. */
    g_autofree char *more = rl_journal_entry_add(line, "REFLINK_REVISION", "77");
    g_assert_true(rl_journal_entry_read(more, &again));
    g_assert_cmpuint(again.revision, ==, 77);
    g_assert_cmpint(again.time_us, ==, entry.time_us);
    g_assert_cmpstr(again.message, ==, entry.message);
    g_assert_cmpstr(again.event, ==, entry.event);
    return 0;
}
