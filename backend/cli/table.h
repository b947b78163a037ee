/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person reads: tables with aligned columns, sizes, times; colours on a terminal only. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct RlTable RlTable;

/**
 * rl_table_new:
 * Returns a table, owned by the caller. @heads are the heads of its columns, up to NULL, static; a
 * column whose head begins with '>' is aligned to the right.
 */
RlTable *rl_table_new(const char *const *heads);

/**
 * rl_table_add:
 * Adds a row: one cell for each column, of which the row takes over the strings; NULL is empty.
 * Control characters are shown as spaces.
 */
void rl_table_add(RlTable *table, char *const *cells);

/**
 * rl_table_print:
 * Prints @table to stdout, and frees it. Of the column @colored each cell has, on a terminal, the
 * color that its word has among states (rl_state_to_string()).
 */
void rl_table_print(RlTable *table, guint colored);

/**
 * rl_table_print_part:
 * As rl_table_print(), without colors, for a table that a failure has cut off: prints nothing where
 * it has no row.
 */
void rl_table_print_part(RlTable *table);

/**
 * rl_table_clean:
 * Makes the string @text, which it takes over, fit for a line: bytes that are no UTF-8 are U+FFFD,
 * and control characters spaces. Returns it, owned by the caller; "" for NULL.
 */
char *rl_table_clean(char *text);

/**
 * rl_table_state:
 * The word @state as rl_table_print() has it in a colored column; owned by the caller.
 */
char *rl_table_state(const char *state);

/**
 * rl_table_is_terminal:
 * True if stdout is a terminal.
 */
bool rl_table_is_terminal(void);

/**
 * rl_table_size:
 * "1.5 GiB", owned by the caller.
 */
char *rl_table_size(uint64_t bytes);

/**
 * rl_table_time:
 * "2026-11-29 18:03:04", the local time, or "2026-11-29 18:03:04Z" with @utc; owned by the caller.
 */
char *rl_table_time(time_t when, bool utc);
