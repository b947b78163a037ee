/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct RlTable {
    const char *const *heads;
    guint columns;
    GPtrArray *rows; /* of GStrv */
};

RlTable *
rl_table_new(const char *const *heads)
{
    RlTable *table = g_new0(RlTable, 1);

    table->heads = heads;
    table->columns = g_strv_length((GStrv) heads);
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify) g_strfreev);
    return table;
}

char *
rl_table_clean(char *text)
{
    char *valid = text ? g_utf8_make_valid(text, -1) : g_strdup("");

    g_free(text);
    for (char *c = valid, *next; *c; c = next) {
        next = g_utf8_next_char(c);
        if (g_unichar_iscntrl(g_utf8_get_char(c)))
            memset(c, ' ', (size_t) (next - c));
    }
    return valid;
}

void
rl_table_add(RlTable *table, char *const *cells)
{
    GStrv row = g_new0(char *, table->columns + 1);

    for (guint i = 0; i < table->columns; i++)
        row[i] = rl_table_clean(cells[i]);
    g_ptr_array_add(table->rows, row);
}

static bool
is_right(const char *head)
{
    return head[0] == '>';
}

static const char *
title(const char *head)
{
    return is_right(head) ? head + 1 : head;
}

static glong
width_of(const RlTable *table, guint column)
{
    glong width = (glong) strlen(title(table->heads[column]));

    for (guint i = 0; i < table->rows->len; i++) {
        char *const *row = g_ptr_array_index(table->rows, i);
        width = MAX(width, g_utf8_strlen(row[column], -1));
    }
    return width;
}

/* ECMA-48's colors; NULL for none. */
static const char *
color_of(const char *cell)
{
    static const struct {
        const char *word;
        const char *color;
    } colors[] = {
        {"running", "32"},  {"leftover", "33"}, {"saved", "36"},   {"suspect", "31"},
        {"overlaid", "35"}, {"orphan", "31"},   {"foreign", "31"}, {"deleted", "31"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(colors); i++)
        if (strcmp(cell, colors[i].word) == 0)
            return colors[i].color;
    return NULL;
}

static void
append_blanks(GString *line, glong number)
{
    for (glong i = 0; i < number; i++)
        g_string_append_c(line, ' ');
}

static void
append_cell(GString *line, const char *cell, glong width, bool right, const char *color)
{
    glong blanks = width - g_utf8_strlen(cell, -1);

    if (right)
        append_blanks(line, blanks);
    if (color)
        g_string_append_printf(line, "\033[%sm%s\033[0m", color, cell);
    else
        g_string_append(line, cell);
    append_blanks(line, (right ? 0 : blanks) + 2);
}

static void
print_row(const RlTable *table, const char *const *cells, const glong *widths, guint colored)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint i = 0; i < table->columns; i++)
        append_cell(line, cells[i], widths[i], is_right(table->heads[i]),
                    i == colored ? color_of(cells[i]) : NULL);
    puts(g_strchomp(line->str));
}

static void
table_free(RlTable *table)
{
    g_ptr_array_unref(table->rows);
    g_free(table);
}

static bool
has_colors(void)
{
    return rl_table_is_terminal() && !getenv("NO_COLOR");
}

char *
rl_table_state(const char *state)
{
    const char *color = has_colors() ? color_of(state) : NULL;

    return color ? g_strdup_printf("\033[%sm%s\033[0m", color, state) : g_strdup(state);
}

void
rl_table_print(RlTable *table, guint colored)
{
    bool colors = has_colors();
    g_autofree glong *widths = g_new0(glong, table->columns);
    g_autofree const char **titles = g_new0(const char *, table->columns);

    for (guint i = 0; i < table->columns; i++) {
        widths[i] = width_of(table, i);
        titles[i] = title(table->heads[i]);
    }
    print_row(table, titles, widths, table->columns);
    for (guint row = 0; row < table->rows->len; row++)
        print_row(table, g_ptr_array_index(table->rows, row), widths,
                  colors ? colored : table->columns);
    table_free(table);
}

void
rl_table_print_part(RlTable *table)
{
    if (table->rows->len > 0)
        rl_table_print(table, G_MAXUINT);
    else
        table_free(table);
}

bool
rl_table_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

char *
rl_table_size(uint64_t bytes)
{
    g_autofree char *text = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
    g_auto(GStrv) words = g_strsplit(text, "\302\240", -1); /* a blank that breaks no line */

    return g_strjoinv(" ", words);
}

char *
rl_table_time(time_t when, bool utc)
{
    g_autoptr(GDateTime) date =
        utc ? g_date_time_new_from_unix_utc(when) : g_date_time_new_from_unix_local(when);

    return date ? g_date_time_format(date, utc ? "%Y-%m-%d %H:%M:%SZ" : "%Y-%m-%d %H:%M:%S")
                : g_strdup("?");
}
