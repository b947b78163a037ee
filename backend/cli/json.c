/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <stdio.h>

struct RlJson {
    GString *text;
    GString *ends; /* the closing brackets of what is open */
    bool empty;    /* nothing is in the innermost yet */
    bool flushed;
};

RlJson *
rl_json_new(void)
{
    RlJson *json = g_new0(RlJson, 1);

    json->text = g_string_new(NULL);
    json->ends = g_string_new(NULL);
    json->empty = true;
    return json;
}

void
rl_json_free(RlJson *json)
{
    if (!json)
        return;
    g_string_free(json->text, TRUE);
    g_string_free(json->ends, TRUE);
    g_free(json);
}

static void
append_quoted(GString *text, const char *value)
{
    g_autofree char *valid = g_utf8_make_valid(value, -1);

    g_string_append_c(text, '"');
    for (const char *c = valid; *c; c = g_utf8_next_char(c)) {
        gunichar code = g_utf8_get_char(c);
        if (code == '"' || code == '\\')
            g_string_append_printf(text, "\\%c", *c);
        else if (g_unichar_iscntrl(code)) /* up to U+009F, which a terminal takes orders from */
            g_string_append_printf(text, "\\u%04x", (guint) code);
        else
            g_string_append_unichar(text, code);
    }
    g_string_append_c(text, '"');
}

static void
begin_line(RlJson *json)
{
    g_string_append_c(json->text, '\n');
    for (gsize i = 0; i < json->ends->len; i++)
        g_string_append(json->text, "  ");
}

/* What stands before a value. */
static void
begin_value(RlJson *json, const char *name)
{
    if (!json->empty)
        g_string_append_c(json->text, ',');
    if (json->ends->len > 0)
        begin_line(json);
    json->empty = false;
    if (!name)
        return;
    append_quoted(json->text, name);
    g_string_append(json->text, ": ");
}

/* What stands behind it. */
static void
end_value(RlJson *json)
{
    if (json->ends->len == 0)
        g_string_append_c(json->text, '\n');
}

static void
begin(RlJson *json, const char *name, const char *brackets)
{
    begin_value(json, name);
    g_string_append_c(json->text, brackets[0]);
    g_string_append_c(json->ends, brackets[1]);
    json->empty = true;
}

void
rl_json_begin_object(RlJson *json, const char *name)
{
    begin(json, name, "{}");
}

void
rl_json_begin_array(RlJson *json, const char *name)
{
    begin(json, name, "[]");
}

void
rl_json_end(RlJson *json)
{
    char end = json->ends->str[json->ends->len - 1];

    g_string_truncate(json->ends, json->ends->len - 1);
    if (!json->empty)
        begin_line(json);
    g_string_append_c(json->text, end);
    json->empty = false;
    end_value(json);
}

void
rl_json_string(RlJson *json, const char *name, const char *value)
{
    begin_value(json, name);
    if (value)
        append_quoted(json->text, value);
    else
        g_string_append(json->text, "null");
    end_value(json);
}

void
rl_json_number(RlJson *json, const char *name, guint64 value)
{
    begin_value(json, name);
    g_string_append_printf(json->text, "%" G_GUINT64_FORMAT, value);
    end_value(json);
}

void
rl_json_bool(RlJson *json, const char *name, bool value)
{
    begin_value(json, name);
    g_string_append(json->text, value ? "true" : "false");
    end_value(json);
}

void
rl_json_time(RlJson *json, const char *name, time_t value)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(value);
    g_autofree char *text = when ? g_date_time_format(when, "%Y-%m-%dT%H:%M:%SZ") : NULL;

    rl_json_string(json, name, text);
}

const char *
rl_json_text(const RlJson *json)
{
    return json->text->str;
}

void
rl_json_flush(RlJson *json)
{
    fputs(json->text->str, stdout);
    g_string_truncate(json->text, 0);
    json->flushed = true;
}

bool
rl_json_is_flushed(const RlJson *json)
{
    return json && json->flushed;
}

void
rl_json_print(RlJson *json)
{
    fputs(json->text->str, stdout);
    rl_json_free(json);
}
