/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "last-save.h"

#include "common/base/log.h"
#include "note.h"

/* An id and a number. */
#define NOTE_SIZE_MAX 128

static char *
note_name(const char *uuid)
{
    return g_strdup_printf("saved-%s", uuid);
}

void
rl_last_save_note(const char *uuid, const char *id)
{
    g_autofree char *file = note_name(uuid);
    g_autofree char *text = g_strdup_printf("%s %" G_GINT64_FORMAT "\n", id, rl_boot_clock_us());
    g_autoptr(GError) error = NULL;

    if (!rl_note_write(file, text, &error))
        rl_log_warning("cannot record the last save of a domain: %s", error->message);
}

void
rl_last_save_read(const char *uuid, RlMemory *memory)
{
    g_autofree char *file = note_name(uuid);
    size_t length;
    g_autofree char *text = rl_note_read(file, NOTE_SIZE_MAX, &length, NULL);
    g_auto(GStrv) parts = text ? g_strsplit(text, " ", 2) : NULL;

    if (!parts || g_strv_length(parts) != 2)
        return;
    memory->save = g_strdup(parts[0]);
    memory->save_us = g_ascii_strtoll(parts[1], NULL, 10);
}

void
rl_last_save_forget(const char *uuid)
{
    g_autofree char *file = note_name(uuid);

    rl_note_remove(file);
}
