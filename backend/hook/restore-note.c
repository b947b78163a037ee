/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "restore-note.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backend/launcher/note-names.h"
#include "calling-thread.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "note.h"

/* In between is the start of a process. */
#define NOTE_SECONDS 30
#define SIZE_MAX_NOTE 4096

static char *
note_name(const char *uuid)
{
    return g_strdup_printf(RL_NOTE_RESTORING "-%s", uuid);
}

/* The thread that called us, and behind the end of that line why the domain is not to be restored.
 */
static bool
write_restore_note(const char *uuid, const char *why, GError **error)
{
    g_autofree char *name = note_name(uuid), *thread = rl_calling_thread_find();
    g_autofree char *text = g_strdup_printf("%s%s%.*s", thread ? thread : "", why ? "\n" : "",
                                            SIZE_MAX_NOTE / 2, why ? why : "");

    return rl_note_write(name, text, error);
}

void
rl_restore_notes_note(const char *uuid)
{
    g_autoptr(GError) error = NULL;

    if (!write_restore_note(uuid, NULL, &error))
        rl_log_warning("domain %s: cannot record that it is restored: %s", uuid, error->message);
}

bool
rl_restore_notes_refuse(const char *uuid, const char *why, GError **error)
{
    return write_restore_note(uuid, why, error);
}

/* An empty one is of an older version, or of a thread that could not be told; one that cannot be
 * read allows nothing. *@ret_why is NULL, or owned by the caller. One that does not say why is
 * taken if @any. */
static bool
take_note(const char *uuid, bool any, char **ret_why)
{
    g_autofree char *name = note_name(uuid), *path = g_build_filename(RL_LOCK_DIR, name, NULL);
    struct stat st;
    size_t length;

    *ret_why = NULL;
    if (lstat(path, &st) < 0)
        return false;
    g_autofree char *thread = rl_note_read(name, SIZE_MAX_NOTE, &length, NULL);
    if (!thread)
        return false;
    char *why = strchr(thread, '\n');
    if (why)
        *why++ = '\0';
    if ((!why && !any) || rl_calling_thread_match(thread) == RL_THREAD_OTHER ||
        !rl_note_remove(name))
        return false;
    gint64 age = (gint64) time(NULL) - (gint64) st.st_mtim.tv_sec;
    if (age < -NOTE_SECONDS || age > NOTE_SECONDS)
        return false;
    *ret_why = g_strdup(why);
    return true;
}

bool
rl_restore_notes_take(const char *uuid)
{
    g_autofree char *why = NULL;

    return take_note(uuid, true, &why) && !why;
}

char *
rl_restore_notes_take_refusal(const char *uuid)
{
    char *why;

    return take_note(uuid, false, &why) ? why : NULL;
}
