/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One entry of the journal, as 'journalctl --output=json' prints it: an object in one line. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    gint64 time_us; /* since the epoch; 0: it says none */
    char *message;  /* these are NULL where it has none, or not as one string */
    char *event;
    uint64_t revision; /* 0: it is about none with a number */
} RlJournalEntry;

/**
 * rl_journal_entry_read:
 * Reads what is asked for of @line into @ret_entry, whose strings are the caller's, who ends them
 * with rl_journal_entry_clear(). False where @line is no object that is whole; then @ret_entry is
 * empty.
 */
bool rl_journal_entry_read(const char *line, RlJournalEntry *ret_entry);

/**
 * rl_journal_entry_clear:
 * Frees what @entry has.
 */
void rl_journal_entry_clear(RlJournalEntry *entry);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlJournalEntry, rl_journal_entry_clear)

/**
 * rl_journal_entry_add:
 * Returns @line, the object of an entry, with a member @name more, which is the string @value:
 * neither has a character that JSON escapes. Owned by the caller.
 */
char *rl_journal_entry_add(const char *line, const char *name, const char *value);
