/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "refused.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/log.h"
#include "common/pool/volume-lock.h"

/* In a directory of root's that a boot empties. A UUID has no characters that a path could mind. */
static char *
note_path(const char *uuid)
{
    return g_strdup_printf("%s/refused-%s", RL_LOCK_DIR, uuid);
}

void
rl_refused_note(const char *uuid)
{
    g_autofree char *path = note_path(uuid);

    g_mkdir_with_parents(RL_LOCK_DIR, 0700);
    rl_autofd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        rl_log_warning("cannot note in '%s' that a start was refused: %s", path, g_strerror(errno));
}

bool
rl_refused_take(const char *uuid)
{
    g_autofree char *path = note_path(uuid);

    return unlink(path) == 0;
}
