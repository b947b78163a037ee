/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ended-note.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "common/fs/tmpfile.h"

#define NOTES_DIR RL_LOCK_DIR "/ended"
/* More than a pool's numbers and the longest name take. */
#define NOTE_SIZE_MAX 8192

/* A note is a file named after the image's numbers, with three lines: when the run began, the
 * numbers of the pool's directory, the volume's name, which has no newline. */
typedef struct {
    gint64 since_us;
    char *pool, *volume;
} Note;

static void
note_free(Note *note)
{
    g_free(note->pool);
    g_free(note->volume);
    g_free(note);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Note, note_free)

static char *
numbers(dev_t dev, ino_t ino)
{
    return g_strdup_printf("%lx-%lx", (unsigned long) dev, (unsigned long) ino);
}

/* The name of the note of the image @fd, owned by the caller; NULL where it cannot be looked at. */
static char *
file_of(int fd)
{
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 ? numbers(st.st_dev, st.st_ino) : NULL;
}

static int
open_notes(void)
{
    return open(NOTES_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static Note *
read_note(int dir, const char *file)
{
    size_t length;
    g_autofree char *text = rl_dirfd_read_file(dir, file, NOTE_SIZE_MAX, &length, NULL);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

    if (!lines || g_strv_length(lines) != 4)
        return NULL;
    Note *note = g_new0(Note, 1);
    note->since_us = g_ascii_strtoll(lines[0], NULL, 10);
    note->pool = g_strdup(lines[1]);
    note->volume = g_strdup(lines[2]);
    return note;
}

bool
rl_ended_means_full(const GError *error)
{
    return rl_error_is_errno(error, ENOSPC) || rl_error_is_errno(error, EDQUOT);
}

void
rl_ended_note(dev_t dev, ino_t ino, const char *volume, int fd, gint64 since_us)
{
    g_autofree char *file = file_of(fd);
    g_autofree char *pool = numbers(dev, ino);
    g_autofree char *text =
        g_strdup_printf("%" G_GINT64_FORMAT "\n%s\n%s\n", since_us, pool, volume);
    g_autoptr(GError) error = NULL;

    g_mkdir_with_parents(NOTES_DIR, 0700);
    rl_autofd int dir = open_notes();
    if (dir < 0 || !file)
        rl_fail_errno(&error, errno, "cannot open '%s'", NOTES_DIR);
    else
        rl_tmpfile_write(dir, file, text, 0600, &error);
    if (error)
        rl_log_warning("volume '%s': cannot record that its run has ended: %s", volume,
                       error->message);
    else
        rl_log_info("volume '%s': its run has ended; the commit waits for space", volume);
}

bool
rl_ended_is_noted(int fd, gint64 since_us)
{
    rl_autofd int dir = open_notes();
    g_autofree char *file = dir >= 0 ? file_of(fd) : NULL;
    g_autoptr(Note) note = file ? read_note(dir, file) : NULL;

    return note && note->since_us == since_us;
}

void
rl_ended_forget(int fd)
{
    rl_autofd int dir = open_notes();
    g_autofree char *file = dir >= 0 ? file_of(fd) : NULL;

    if (file && unlinkat(dir, file, 0) < 0 && errno != ENOENT)
        rl_log_warning("cannot remove '%s/%s': %s", NOTES_DIR, file, g_strerror(errno));
}

/* Calls @function for each note of a volume of the pool @dev, @ino. */
static void
for_each_note(dev_t dev, ino_t ino,
              void (*function)(int dir, const char *file, const Note *note, void *data), void *data)
{
    rl_autofd int dir = open_notes();
    g_autoptr(RlDirIter) entries = dir >= 0 ? rl_dir_iter_open(dir, NULL) : NULL;
    g_autofree char *wanted = numbers(dev, ino);
    const char *file;

    while (entries && (file = rl_dir_iter_next(entries))) {
        g_autoptr(Note) note = read_note(dir, file);
        if (note && strcmp(note->pool, wanted) == 0)
            function(dir, file, note, data);
    }
}

static void
add_name(int dir, const char *file, const Note *note, void *data)
{
    (void) dir, (void) file;
    g_ptr_array_add(data, g_strdup(note->volume));
}

GPtrArray *
rl_ended_list(dev_t dev, ino_t ino)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for_each_note(dev, ino, add_name, names);
    return names;
}

static void
remove_note(int dir, const char *file, const Note *note, void *data)
{
    if (strcmp(note->volume, data) == 0)
        unlinkat(dir, file, 0);
}

void
rl_ended_forget_volume(dev_t dev, ino_t ino, const char *name)
{
    for_each_note(dev, ino, remove_note, (void *) name);
}
