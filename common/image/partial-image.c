/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "partial-image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "common/fs/file-error.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"

/* The change time: only a note or a write changes it, and no program can set it. */
static time_t
end_of(const struct stat *st)
{
    return st->st_ctim.tv_sec + RL_PARTIAL_LIFETIME_S;
}

bool
rl_partial_is_kept(int dir, const char *file)
{
    g_autofree char *note = NULL;
    g_autoptr(GError) error = NULL;
    struct stat st;

    /* What cannot be asked may be. */
    if (!rl_xattr_get_at(dir, file, RL_ATTR_PARTIAL, &note, &error))
        return !rl_error_is_errno(error, ENOENT);
    if (!note)
        return false;
    if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno != ENOENT;
    return time(NULL) < end_of(&st);
}

/* The next file that is kept for @leaf; NULL at the end. Borrowed from @entries. */
static const char *
next_kept(RlDirIter *entries, int dir, const char *leaf)
{
    const char *file;

    while ((file = rl_dir_iter_next(entries))) {
        RlFileName name = rl_file_name_parse(file);
        if (name.role == RL_FILE_TEMP && strcmp(name.leaf, leaf) == 0 &&
            rl_partial_is_kept(dir, file))
            return file;
    }
    return NULL;
}

bool
rl_partial_find(const RlVolume *volume, bool *ret_there, RlPartialNote *ret_note, time_t *ret_until,
                GError **error)
{
    const char *file;
    struct stat st;

    *ret_there = false;
    if (volume->dir < 0)
        return true;
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(volume->dir, error);
    if (!entries)
        return false;
    while (!*ret_there && (file = next_kept(entries, volume->dir, volume->name->leaf))) {
        rl_autofd int fd = rl_dirfd_open_file(volume->dir, file, O_RDONLY, NULL);
        if (fd < 0 || fstat(fd, &st) < 0)
            continue;
        *ret_until = end_of(&st);
        if (!rl_partial_note_get(fd, ret_there, ret_note, error))
            return false;
    }
    return true;
}

/* With the lock: it may have been published, and its note taken off, just now. *@ret_busy where
 * another process has that. */
static bool
is_wanted(int fd, const RlPartialNote *wanted, bool *ret_busy)
{
    RlPartialNote note;
    bool there;

    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        *ret_busy = true;
        return false;
    }
    return rl_partial_note_get(fd, &there, &note, NULL) && there &&
           rl_partial_note_same(&note, wanted) && wanted->at <= note.at;
}

int
rl_partial_open(const RlVolume *volume, const RlPartialNote *wanted, GError **error)
{
    g_autoptr(RlDirIter) entries = volume->dir < 0 ? NULL : rl_dir_iter_open(volume->dir, error);
    const char *file, *name = volume->name->volume;
    bool busy = false;

    if (volume->dir >= 0 && !entries)
        return -1;
    while (entries && (file = next_kept(entries, volume->dir, volume->name->leaf))) {
        rl_autofd int fd = rl_dirfd_open_file(volume->dir, file, O_RDWR, NULL);
        if (fd >= 0 && is_wanted(fd, wanted, &busy))
            return rl_fd_steal(&fd);
    }
    if (busy)
        rl_fail(error, RL_ERROR_BUSY,
                "another process is receiving volume '%s'. Try again when it has ended", name);
    else
        rl_fail(error, RL_ERROR_NOT_FOUND,
                "volume '%s' cannot receive the rest of a stream: the part before is not kept "
                "here. Send with the token of 'virt-reflink receive --token', or all of it",
                name);
    return -1;
}

static bool
sync_file(int fd, GError **error)
{
    return fsync(fd) == 0 || rl_fail_file(error, errno, fd, "cannot sync");
}

/* Waits for a sweep, which has it for a moment. */
static bool
lock(int fd, int how, GError **error)
{
    int rc;

    do
        rc = flock(fd, how);
    while (rc < 0 && errno == EINTR);
    return rc == 0 || rl_fail_file(error, errno, fd, "cannot lock");
}

bool
rl_partial_keep(int *fd, int dir, const char *leaf, const RlPartialNote *note, GError **error)
{
    g_autofree char *final = rl_file_name(leaf, RL_FILE_CLEAN);

    return rl_tmpfile_name(fd, dir, final, error) && lock(*fd, LOCK_EX, error) &&
           sync_file(*fd, error) && rl_partial_note_set(*fd, note, error) &&
           sync_file(*fd, error) && rl_dirfd_sync(dir, leaf, error);
}

bool
rl_partial_release(int fd, GError **error)
{
    /* Who publishes it locks it once more, through another descriptor, and would wait forever. */
    return rl_partial_note_remove(fd, error) && lock(fd, LOCK_UN, error);
}

bool
rl_partial_drop(const RlVolume *volume)
{
    g_autoptr(RlDirIter) entries = volume->dir < 0 ? NULL : rl_dir_iter_open(volume->dir, NULL);
    const char *file;
    bool any = false;

    while (entries && (file = next_kept(entries, volume->dir, volume->name->leaf)))
        if (rl_tmpfile_remove_litter(volume->dir, file)) {
            rl_volume_log(volume, "removed %s", file);
            any = true;
        }
    return any;
}
