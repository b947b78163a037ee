/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "last-save.h"

#include "backend/launcher/note-names.h"
#include "common/base/log.h"
#include "domain-note.h"

#define NOTE RL_NOTE_SAVED

/* An id and a number. */
#define NOTE_SIZE_MAX 128

void
rl_last_save_note(const RlDomain *domain, const char *id)
{
    g_autofree char *text = g_strdup_printf("%s %" G_GINT64_FORMAT "\n", id, rl_boot_clock_us());
    g_autoptr(GError) error = NULL;

    /* What it was started on is over with this save. */
    if (!rl_domain_note_write(NOTE, domain, text, &error) &&
        !rl_domain_note_reuse(RL_NOTE_STARTED, NOTE, domain, text, NULL))
        rl_log_warning("domain %s: cannot record its last save: %s", domain->name, error->message);
}

void
rl_last_save_read(const RlDomain *domain, RlMemory *memory)
{
    size_t length;
    g_autofree char *text = rl_domain_note_read(NOTE, domain, NOTE_SIZE_MAX, &length, NULL);
    g_auto(GStrv) parts = text ? g_strsplit(text, " ", 2) : NULL;

    if (!parts || g_strv_length(parts) != 2)
        return;
    memory->save = g_strdup(parts[0]);
    memory->save_us = g_ascii_strtoll(parts[1], NULL, 10);
}

void
rl_last_save_forget(const RlDomain *domain)
{
    rl_domain_note_remove(NOTE, domain);
}
