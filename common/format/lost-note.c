/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lost-note.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/fs/tmpfile.h"

#define NOTES_DIR RL_LOCK_DIR "/lost"
#define NOTE_SIZE_MAX 256
#define NO_BIRTH "-"

/* A note is a file named after the image's numbers that says which inode that is. */
static char *
path_of(int fd, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        rl_fail_errno(error, errno, "cannot look at an image");
        return NULL;
    }
    return g_strdup_printf(NOTES_DIR "/%lx-%lx", (unsigned long) st.st_dev,
                           (unsigned long) st.st_ino);
}

static char *
describe(int fd, GError **error)
{
    char *inode;

    if (!rl_inode_describe(fd, "", &inode, error))
        return NULL;
    return inode ? inode : g_strdup(NO_BIRTH);
}

bool
rl_lost_note(int fd, GError **error)
{
    g_autofree char *path = path_of(fd, error), *text = path ? describe(fd, error) : NULL;

    if (!text)
        return false;
    g_mkdir_with_parents(NOTES_DIR, 0700);
    rl_autofd int dir = open(NOTES_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return rl_fail_errno(error, errno, "cannot open '%s'", NOTES_DIR);
    return rl_tmpfile_write(dir, strrchr(path, '/') + 1, text, 0600, error);
}

bool
rl_lost_is_noted(int fd, bool *ret_lost, GError **error)
{
    g_autofree char *path = path_of(fd, error), *text = NULL;
    size_t length;

    *ret_lost = false;
    if (!path)
        return false;
    rl_autofd int note = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (note < 0)
        return errno == ENOENT || rl_fail_errno(error, errno, "cannot open '%s'", path);
    text = rl_dirfd_read_opened(note, path, NOTE_SIZE_MAX, &length, error);
    g_autofree char *here = text ? describe(fd, error) : NULL;
    if (!here)
        return false;
    *ret_lost = strcmp(text, here) == 0;
    return true;
}

void
rl_lost_forget(int fd)
{
    g_autofree char *path = path_of(fd, NULL);

    if (path && unlink(path) < 0 && errno != ENOENT)
        rl_log_warning("cannot remove '%s': %s", path, g_strerror(errno));
}
