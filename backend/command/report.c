/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
write_line(const char *word, const char *topic, const char *format, va_list args)
{
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    g_autofree char *raw = g_strdup_printf("%-8s%s: %s", word, topic, sentence);
    g_autofree char *line = g_utf8_make_valid(raw, -1);

    /* Names come from others: a terminal takes orders also from the characters U+0080 to U+009F. */
    for (char *c = line, *next; *c; c = next) {
        next = g_utf8_next_char(c);
        if (g_unichar_iscntrl(g_utf8_get_char(c)))
            memset(c, ' ', (size_t) (next - c));
    }
    puts(line);
}

void
rl_report_ok(RlReport *report, const char *topic, const char *format, ...)
{
    va_list args;

    (void) report;
    va_start(args, format);
    write_line("OK", topic, format, args);
    va_end(args);
}

void
rl_report_wrong(RlReport *report, const char *topic, const char *format, ...)
{
    va_list args;

    report->wrong++;
    va_start(args, format);
    write_line("WRONG", topic, format, args);
    va_end(args);
}

void
rl_report_unknown(RlReport *report, const char *topic, const char *format, ...)
{
    va_list args;

    report->unknown++;
    va_start(args, format);
    write_line("UNKNOWN", topic, format, args);
    va_end(args);
}

bool
rl_report_needs_root(RlReport *report, const char *topic)
{
    if (geteuid() == 0)
        return false;
    rl_report_unknown(report, topic, "only root can look at this: type 'sudo virt-reflink doctor'");
    return true;
}
