/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "restore-note.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/log.h"
#include "common/pool/volume-lock.h"

/* In between is the start of a process. */
#define NOTE_SECONDS 30

/* In a directory of root's that a boot empties. A UUID has no characters that a path could mind. */
static char *
note_path(const char *uuid)
{
    return g_strdup_printf("%s/restoring-%s", RL_LOCK_DIR, uuid);
}

void
rl_restore_notes_note(const char *uuid)
{
    g_autofree char *path = note_path(uuid);

    g_mkdir_with_parents(RL_LOCK_DIR, 0700);
    rl_autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || futimens(fd, NULL) < 0)
        rl_log_warning("cannot record in '%s' that a domain is restored: %s", path,
                       g_strerror(errno));
}

bool
rl_restore_notes_take(const char *uuid)
{
    g_autofree char *path = note_path(uuid);
    struct stat st;

    if (lstat(path, &st) < 0 || unlink(path) < 0)
        return false;
    gint64 age = (gint64) time(NULL) - (gint64) st.st_mtim.tv_sec;
    return age >= -NOTE_SECONDS && age <= NOTE_SECONDS;
}
