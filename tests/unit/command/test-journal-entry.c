/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries of the journal: of what journald may put into one, what the log shows is found. */
#include "backend/command/journal-entry.h"

#include "harness/lab.h"

/* It is read, and has these. */
static void
reads(const char *line, gint64 time_us, const char *message, const char *event, uint64_t revision)
{
    g_auto(RlJournalEntry) entry = {0};

    if (!rl_journal_entry_read(line, &entry))
        g_error("not read: %s", line);
    g_assert_cmpint(entry.time_us, ==, time_us);
    g_assert_cmpstr(entry.message, ==, message);
    g_assert_cmpstr(entry.event, ==, event);
    g_assert_cmpuint(entry.revision, ==, revision);
}

static void
test_members(void)
{
    reads("{}", 0, NULL, NULL, 0);
    reads(" { \"PRIORITY\" : \"6\" , \"MESSAGE\":\"text\" } ", 0, "text", NULL, 0);
    reads("{\"__REALTIME_TIMESTAMP\":\"1795320306789000\",\"MESSAGE\":\"is committed\","
          "\"REFLINK_EVENT\":\"committed\",\"REFLINK_REVISION\":\"7\"}",
          1795320306789000, "is committed", "committed", 7);
    /* More than once, the last one counts. */
    reads("{\"MESSAGE\":\"a\",\"MESSAGE\":\"b\"}", 0, "b", NULL, 0);
    reads("{\"MESSAGE\":\"a\",\"MESSAGE\":[\"b\",\"c\"]}", 0, NULL, NULL, 0);
    reads("{\"REFLINK_REVISION\":\"-1\",\"__REALTIME_TIMESTAMP\":\"9223372036854775808\"}", 0, NULL,
          NULL, 0);
}

static void
test_values(void)
{
    reads("{\"MESSAGE\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u000A\\u0000\\ud800\"}", 0,
          "\"\\/\b\f\n\r\t\xc3\xa9\n\xef\xbf\xbd\xef\xbf\xbd", NULL, 0);
    /* Bytes that are no text, a field that came twice, and one that is too long to be shown. */
    reads("{\"A\":[1,255],\"B\":[\"x\",\"]\"],\"C\":[],\"D\":[[1,2],\"x\",[]],\"E\":null,"
          "\"F\":-1.5e+3,\"MESSAGE\":null,\"REFLINK_EVENT\":\"x\"}",
          0, NULL, "x", 0);
}

static void
test_broken(void)
{
    static const char *const lines[] = {
        "",
        "{",
        "}",
        "[]",
        "{}}",
        "{} x",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":\"b\"",
        "{\"a\":\"b",
        "{\"a\":\"b\",}",
        "{\"a\":\"\\",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u12",
        "{\"a\":[1,}",
        "{\"a\":[",
        "{\"a\":[[1}",
        "{\"a\":[[[1]]]}",
        "{\"a\":{}}",
        "{a:1}",
        "-- No entries --",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        RlJournalEntry entry;
        if (rl_journal_entry_read(lines[i], &entry))
            g_error("read: %s", lines[i]);
        g_assert_null(entry.message);
    }
}

static void
test_add(void)
{
    g_autofree char *more = rl_journal_entry_add("{\"a\":\"}\"}", "b", "1"),
                    *none = rl_journal_entry_add("text", "b", "1");

    g_assert_cmpstr(more, ==, "{\"a\":\"}\",\"b\":\"1\"}");
    g_assert_cmpstr(none, ==, "text");
}

void
add_tests(void)
{
    g_test_add_func("/journal-entry/members", test_members);
    g_test_add_func("/journal-entry/values", test_values);
    g_test_add_func("/journal-entry/broken", test_broken);
    g_test_add_func("/journal-entry/add", test_add);
}
