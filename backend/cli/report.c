/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
write_json(RlJson *json, const char *word, const char *topic, const char *sentence)
{
    g_autofree char *result = g_ascii_strdown(word, -1);

    rl_json_begin_object(json, NULL);
    rl_json_string(json, "topic", topic);
    rl_json_string(json, "result", result);
    rl_json_string(json, "text", sentence);
    rl_json_end(json);
}

static void
write_line(const RlReport *report, const char *word, const char *topic, const char *format,
           va_list args)
{
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    g_autofree char *raw = g_strdup_printf("%-8s%s: %s", word, topic, sentence);
    g_autofree char *line = g_utf8_make_valid(raw, -1);

    if (report->json) {
        write_json(report->json, word, topic, sentence);
        return;
    }
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

    va_start(args, format);
    write_line(report, "OK", topic, format, args);
    va_end(args);
}

void
rl_report_wrong(RlReport *report, const char *topic, const char *format, ...)
{
    va_list args;

    report->wrong++;
    va_start(args, format);
    write_line(report, "WRONG", topic, format, args);
    va_end(args);
}

void
rl_report_unknown(RlReport *report, const char *topic, const char *format, ...)
{
    va_list args;

    report->unknown++;
    va_start(args, format);
    write_line(report, "UNKNOWN", topic, format, args);
    va_end(args);
}

bool
rl_report_needs_root(RlReport *report, const char *topic)
{
    if (geteuid() == 0)
        return false;
    rl_report_unknown(report, topic, "only root can check this: type 'sudo virt-reflink doctor'");
    return true;
}
