/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "restore-note.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend/launcher/note-names.h"
#include "calling-thread.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "note.h"

/* In between is the start of a process, and the site's own hooks. */
#define NOTE_SECONDS 30
/* What came to nothing so long ago, in whichever thread, is of no use. */
#define FORGET_SECONDS (24 * 60 * 60)
#define SIZE_MAX_NOTE 4096
/* Another call may remove the directory when its own note was the last one. */
#define MAKE_TRIES 10

static char *
path_of(const char *uuid)
{
    g_autofree char *name = g_strdup_printf(RL_NOTE_RESTORING "-%s", uuid);

    return g_build_filename(RL_LOCK_DIR, name, NULL);
}

/* As a part of a file's name. */
static char *
thread_part(void)
{
    char *thread = rl_calling_thread_find();

    return thread ? g_strdelimit(thread, " ", '-') : NULL;
}

/* An older version of this program has one file for all threads. */
static int
open_notes(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int
make_notes(const char *path, GError **error)
{
    int dir;

    g_mkdir_with_parents(RL_LOCK_DIR, 0700);
    while ((dir = open_notes(path)) < 0) {
        if (errno == ENOTDIR && unlink(path) < 0 && errno != ENOENT)
            break;
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            break;
    }
    if (dir < 0)
        rl_fail_errno(error, errno, "cannot make '%s'", path);
    return dir;
}

/* The name tells the thread and what is noted: where /run has no space left, an empty file can be
 * made still. @why is then said in the log alone, and without @digest less is known. */
static bool
make_note(int dir, const char *thread, const char *why, const char *digest, GError **error)
{
    g_autofree char *refused = g_strconcat(thread, RL_NOTE_REFUSED_SUFFIX, NULL);

    unlinkat(dir, thread, 0);
    unlinkat(dir, refused, 0);
    rl_autofd int fd = openat(dir, why ? refused : thread,
                              O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return rl_fail_errno(error, errno, "cannot make a file in '%s'", RL_LOCK_DIR);
    const char *text = why ? why : digest;
    if (text && write(fd, text, MIN(strlen(text), SIZE_MAX_NOTE)) < 0)
        rl_log_warning("%s", why ? why : "the digest of a saved memory is not noted");
    return true;
}

static bool
write_restore_note(const char *uuid, const char *why, const char *digest, GError **error)
{
    g_autofree char *path = path_of(uuid), *thread = thread_part();
    g_autoptr(GError) cause = NULL;

    for (int i = 0; i < MAKE_TRIES; i++) {
        g_clear_error(&cause);
        rl_autofd int dir = make_notes(path, &cause);
        if (dir >= 0 &&
            make_note(dir, thread ? thread : RL_NOTE_UNKNOWN_THREAD, why, digest, &cause))
            return true;
        if (!rl_error_is_errno(cause, ENOENT))
            break;
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_restore_notes_note(const char *uuid, const char *digest, GError **error)
{
    return write_restore_note(uuid, NULL, digest, error);
}

bool
rl_restore_notes_refuse(const char *uuid, const char *why, GError **error)
{
    return write_restore_note(uuid, why, NULL, error);
}

typedef struct {
    RlThreadMatch match;
    gint64 age;   /* in seconds, by the clock; below 0 if that was set back */
    char *why;    /* NULL: it is to be restored */
    char *digest; /* from that memory; or NULL */
} Note;

static void
note_clear(Note *note)
{
    g_free(note->why);
    g_free(note->digest);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Note, note_clear)

/* Compares as rl_calling_thread_match() does, for many notes at once. */
static RlThreadMatch
match(const char *noted, const char *thread)
{
    if (!*noted || strcmp(noted, RL_NOTE_UNKNOWN_THREAD) == 0 || !thread)
        return RL_THREAD_UNKNOWN;
    return strcmp(noted, thread) == 0 ? RL_THREAD_SAME : RL_THREAD_OTHER;
}

/* False where it is gone, or cannot be read: it allows nothing then. */
static bool
read_file(int dir, const char *file, char **ret_text, gint64 *ret_age)
{
    size_t length;
    struct stat st;

    *ret_text = rl_dirfd_read_file(dir, file, SIZE_MAX_NOTE, &length, NULL);
    if (!*ret_text || fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    *ret_age = (gint64) time(NULL) - (gint64) st.st_mtim.tv_sec;
    return true;
}

static bool
read_restore_note(int dir, const char *file, const char *thread, Note *ret_note)
{
    g_autofree char *text = NULL;
    bool refused = g_str_has_suffix(file, RL_NOTE_REFUSED_SUFFIX);
    g_autofree char *noted =
        g_strndup(file, strlen(file) - (refused ? strlen(RL_NOTE_REFUSED_SUFFIX) : 0));

    if (!read_file(dir, file, &text, &ret_note->age))
        return false;
    ret_note->match = match(noted, thread);
    if (refused)
        ret_note->why = g_strdup(*text ? text : "the restore was refused. The log says why");
    else if (*text)
        ret_note->digest = g_steal_pointer(&text);
    return true;
}

/* The thread, and behind the end of that line why the domain is not to be restored. */
static bool
read_older_note(int dir, const char *file, Note *ret_note)
{
    g_autofree char *text = NULL, *thread = thread_part();

    if (!read_file(dir, file, &text, &ret_note->age))
        return false;
    char *why = strchr(text, '\n');
    if (why)
        *why++ = '\0';
    ret_note->match = match(g_strdelimit(text, " ", '-'), thread);
    ret_note->why = g_strdup(why);
    return true;
}

static bool
is_new(const Note *note)
{
    return note->age >= -NOTE_SECONDS && note->age <= NOTE_SECONDS;
}

static bool
counts(const Note *note)
{
    return note->match == RL_THREAD_SAME || (note->match == RL_THREAD_UNKNOWN && is_new(note));
}

static bool
remove_restore_note(int dir, const char *file)
{
    if (unlinkat(dir, file, 0) == 0)
        return true;
    if (errno != ENOENT)
        rl_log_warning("cannot remove '%s' in '%s': %s", file, RL_LOCK_DIR, g_strerror(errno));
    return false;
}

/* The daemon was restarted, or had too many threads. */
static bool
has_ended(const char *file)
{
    g_autofree char *thread = g_strndup(file, strcspn(file, "."));

    return rl_calling_thread_has_ended(g_strdelimit(thread, "-", ' '));
}

/* The one that counts: a refusal if @refusal, else any, which is removed. Another one is seen as
 * *@ret_beside. */
static bool
take_of(int dir, bool refusal, Note *ret_note, bool *ret_beside)
{
    g_autofree char *thread = thread_part();
    g_autoptr(RlDirIter) files = rl_dir_iter_open(dir, NULL);
    const char *file;

    while (files && (file = rl_dir_iter_next(files))) {
        g_auto(Note) note = {0};
        if (!read_restore_note(dir, file, thread, &note))
            continue;
        if (counts(&note) && (note.why || !refusal) && remove_restore_note(dir, file)) {
            *ret_note = note;
            note.why = note.digest = NULL;
            return true;
        }
        if (note.match == RL_THREAD_OTHER ? has_ended(file) : note.age > FORGET_SECONDS && !refusal)
            remove_restore_note(dir, file);
        else
            *ret_beside = true;
    }
    return false;
}

static bool
take(const char *uuid, bool refusal, Note *ret_note, bool *ret_beside)
{
    g_autofree char *path = path_of(uuid), *parent = g_path_get_dirname(path);
    g_autofree char *file = g_path_get_basename(path);
    rl_autofd int dir = open_notes(path);

    if (dir >= 0) {
        bool taken = take_of(dir, refusal, ret_note, ret_beside);
        rmdir(path);
        return taken;
    }
    if (errno != ENOTDIR)
        return false;
    dir = open_notes(parent);
    if (dir < 0 || !read_older_note(dir, file, ret_note))
        return false;
    if (counts(ret_note) && (ret_note->why || !refusal))
        return remove_restore_note(dir, file);
    if (!is_new(ret_note))
        remove_restore_note(dir, file);
    return false;
}

RlRestoreNote
rl_restore_notes_take(const char *uuid, char **ret_digest)
{
    g_auto(Note) note = {0};
    bool beside = false;

    *ret_digest = NULL;
    if (take(uuid, false, &note, &beside) && !note.why) {
        *ret_digest = g_steal_pointer(&note.digest);
        return RL_RESTORE_ANNOUNCED;
    }
    return beside ? RL_RESTORE_BESIDE : RL_RESTORE_NONE;
}

char *
rl_restore_notes_take_refusal(const char *uuid, bool *ret_old)
{
    g_auto(Note) note = {0};
    bool beside;

    *ret_old = false;
    if (!take(uuid, true, &note, &beside))
        return NULL;
    *ret_old = !is_new(&note);
    return g_steal_pointer(&note.why);
}
