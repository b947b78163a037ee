/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "left-name.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/paths.h"
#include "common/fs/dirfd.h"
#include "common/fs/lease.h"
#include "common/fs/tmpfile.h"

#define NOTES_DIR RL_LOCK_DIR "/left"
#define NOTE_SIZE_MAX 64

/* A note is a file named after the pool's numbers and the volume's name, with the time in it; owned
 * by the caller. */
static char *
file_of(const RlVolume *volume)
{
    const RlPool *pool = volume->pool;
    g_autofree char *hash =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, volume->name->volume, -1);

    return g_strdup_printf("%lx-%lx-%s", (unsigned long) pool->dev, (unsigned long) pool->ino,
                           hash);
}

static int
open_notes(GError **error)
{
    int dir = open(NOTES_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir < 0)
        rl_fail_errno(error, errno, "cannot open '%s'", NOTES_DIR);
    return dir;
}

/* For which there is room where /run is full. Its date tells. */
static bool
make_empty(int dir, const char *file)
{
    unlinkat(dir, file, 0);
    rl_autofd int fd =
        openat(dir, file, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);

    return fd >= 0;
}

bool
rl_left_name_note(const RlVolume *volume, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!volume->clean.there || !rl_lease_has_opener_at(volume->dir, volume->clean_file))
        return true;
    g_mkdir_with_parents(NOTES_DIR, 0700);
    rl_autofd int dir = open_notes(&cause);
    g_autofree char *file = file_of(volume);
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "\n", g_get_real_time());
    if (dir >= 0 && (rl_tmpfile_write(dir, file, text, 0600, &cause) || make_empty(dir, file)))
        return true;
    g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                               "volume '%s': a process has its image '%s' open, which cannot be "
                               "recorded. End that process, or make room in /run, then try again: ",
                               volume->name->volume, volume->clean_file);
    return false;
}

bool
rl_left_name_is_since(const RlVolume *volume, gint64 us)
{
    g_autoptr(GError) error = NULL;
    rl_autofd int dir = open_notes(&error);
    g_autofree char *file = file_of(volume);
    struct stat st;
    size_t length;
    g_autofree char *text =
        dir < 0 ? NULL : rl_dirfd_read_file(dir, file, NOTE_SIZE_MAX, &length, &error);

    if (!text)
        return !rl_error_is_errno(error, ENOENT);
    if (*text)
        return g_ascii_strtoll(text, NULL, 10) >= us;
    /* A date is of the last tick of the clock. */
    return fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
           ((gint64) st.st_mtim.tv_sec + 1) * G_USEC_PER_SEC >= us;
}
