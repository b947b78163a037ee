/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "restore-note.h"

#include <glib.h>
#include <sys/stat.h>
#include <time.h>

#include "backend/launcher/note-names.h"
#include "calling-thread.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "note.h"

/* In between is the start of a process. */
#define NOTE_SECONDS 30
#define SIZE_MAX_NOTE 256

static char *
note_name(const char *uuid)
{
    return g_strdup_printf(RL_NOTE_RESTORING "-%s", uuid);
}

void
rl_restore_notes_note(const char *uuid)
{
    g_autofree char *name = note_name(uuid), *thread = rl_calling_thread_find();
    g_autoptr(GError) error = NULL;

    if (!rl_note_write(name, thread ? thread : "", &error))
        rl_log_warning("domain %s: cannot record that it is restored: %s", uuid, error->message);
}

/* An empty one is of an older version, or of a thread that could not be told. */
bool
rl_restore_notes_take(const char *uuid)
{
    g_autofree char *name = note_name(uuid), *path = g_build_filename(RL_LOCK_DIR, name, NULL);
    struct stat st;
    size_t length;

    if (lstat(path, &st) < 0)
        return false;
    g_autofree char *thread = rl_note_read(name, SIZE_MAX_NOTE, &length, NULL);
    if (rl_calling_thread_match(thread) == RL_THREAD_OTHER || !rl_note_remove(name))
        return false;
    gint64 age = (gint64) time(NULL) - (gint64) st.st_mtim.tv_sec;
    return age >= -NOTE_SECONDS && age <= NOTE_SECONDS;
}
