/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/fs/dirfd.h"
#include "common/fs/tmpfile.h"

static int
open_dir(GError **error)
{
    int dir = open(RL_LOCK_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir < 0)
        rl_fail_errno(error, errno, "cannot open '%s'", RL_LOCK_DIR);
    return dir;
}

bool
rl_note_write(const char *name, const char *text, GError **error)
{
    g_mkdir_with_parents(RL_LOCK_DIR, 0700);
    rl_autofd int dir = open_dir(error);

    return dir >= 0 && rl_tmpfile_write(dir, name, text, 0600, error);
}

/* Within one page the kernel writes all of it or, for a signal, nothing. */
bool
rl_note_write_over(const char *name, const char *text, GError **error)
{
    rl_autofd int dir = open_dir(error);
    rl_autofd int fd = dir < 0 ? -1 : openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    size_t length = strlen(text);

    if (dir < 0)
        return false;
    if (fd < 0)
        return rl_fail_errno(error, errno, "cannot open '%s/%s'", RL_LOCK_DIR, name);
    return (pwrite(fd, text, length, 0) == (ssize_t) length &&
            ftruncate(fd, (off_t) length) == 0) ||
           rl_fail_errno(error, errno, "cannot write '%s/%s'", RL_LOCK_DIR, name);
}

bool
rl_note_rename(const char *name, const char *to, GError **error)
{
    rl_autofd int dir = open_dir(error);

    return dir >= 0 && (renameat(dir, name, dir, to) == 0 ||
                        rl_fail_errno(error, errno, "cannot rename '%s/%s'", RL_LOCK_DIR, name));
}

char *
rl_note_read(const char *name, size_t size_max, size_t *ret_length, GError **error)
{
    rl_autofd int dir = open_dir(error);

    return dir < 0 ? NULL : rl_dirfd_read_file(dir, name, size_max, ret_length, error);
}

bool
rl_note_is_there(const char *name)
{
    rl_autofd int dir = open_dir(NULL);

    return dir >= 0 && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool
rl_note_remove(const char *name)
{
    rl_autofd int dir = open_dir(NULL);

    if (dir >= 0 && unlinkat(dir, name, 0) == 0)
        return true;
    if (dir >= 0 && errno != ENOENT)
        rl_log_warning("cannot remove '%s/%s': %s", RL_LOCK_DIR, name, g_strerror(errno));
    return false;
}
