/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "suspect.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/image-mark.h"
#include "common/format/lost-writes-note.h"
#include "common/fs/file-error.h"

static void
warn_of_sync(int fd, int code)
{
    g_autofree char *label = rl_file_label(fd);

    rl_log_warning("cannot sync the mark 'suspect' of %s: %s. A power failure may lose the mark",
                   label, g_strerror(code));
}

static bool
mark(int fd, bool of_job, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!(of_job ? rl_mark_set_suspect_of_job(fd, &cause)
                 : rl_mark_set(fd, RL_MARK_SUSPECT, &cause))) {
        g_autofree char *label = rl_file_label(fd);
        rl_log_warning("cannot mark %s suspect: %s. It counts as suspect until the next boot of "
                       "the host only",
                       label, cause->message);
        return rl_lost_note(fd, error);
    }
    /* A power cut would leave an image like any other. */
    if (fsync(fd) < 0)
        warn_of_sync(fd, errno);
    return true;
}

bool
rl_suspect_mark(int fd, GError **error)
{
    return mark(fd, false, error);
}

bool
rl_suspect_mark_of_job(int fd, GError **error)
{
    return mark(fd, true, error);
}

void
rl_suspect_mark_late(int fd)
{
    bool lost;

    if (rl_lost_is_noted(fd, &lost, NULL) && lost && rl_mark_set(fd, RL_MARK_SUSPECT, NULL) &&
        fsync(fd) == 0)
        rl_lost_forget(fd);
}
