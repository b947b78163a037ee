/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "last-save.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/fs/dirfd.h"
#include "common/fs/tmpfile.h"
#include "common/pool/volume-lock.h"

/* An id and a number. */
#define NOTE_SIZE_MAX 128

/* In a directory of root's that a boot empties. A UUID has no characters that a path could mind. */
static char *
note_name(const char *uuid)
{
    return g_strdup_printf("saved-%s", uuid);
}

static int
open_dir(void)
{
    return open(RL_LOCK_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void
rl_last_save_note(const char *uuid, const char *id)
{
    g_autofree char *file = note_name(uuid);
    g_autofree char *text =
        g_strdup_printf("%s %" G_GINT64_FORMAT "\n", id, rl_run_boot_clock_us());
    g_autoptr(GError) error = NULL;

    g_mkdir_with_parents(RL_LOCK_DIR, 0700);
    rl_autofd int dir = open_dir();
    if (dir < 0)
        rl_fail_errno(&error, errno, "cannot open '%s'", RL_LOCK_DIR);
    else
        rl_newfile_write(dir, file, text, 0600, &error);
    if (error)
        rl_log_warning("cannot note which save of a domain was its last one: %s", error->message);
}

void
rl_last_save_read(const char *uuid, RlMemory *memory)
{
    g_autofree char *file = note_name(uuid);
    rl_autofd int dir = open_dir();
    size_t length;
    g_autofree char *text =
        dir >= 0 ? rl_dir_read_file(dir, file, NOTE_SIZE_MAX, &length, NULL) : NULL;
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
    rl_autofd int dir = open_dir();

    if (dir >= 0 && unlinkat(dir, file, 0) < 0 && errno != ENOENT)
        rl_log_warning("cannot remove '%s/%s': %s", RL_LOCK_DIR, file, g_strerror(errno));
}
