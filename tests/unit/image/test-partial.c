/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What came of a stream where system calls fail, or another process is faster: it is kept with its
 * note, or it is not offered; and what is there already stays. Whole receptions are in
 * operation/test-send-rest.c. */
#include "common/image/partial-image.h"

#include "common/base/autofd.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"
#include "common/image/temporary-files.h"
#include "harness/disturb.h"
#include "harness/sending.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define V "vm/disk"
#define ID "0123456789abcdef0123456789abcdef"

static const RlPartialNote note = {.at = 8 * KIB, .state = {ID, MIB, {1700000000, 1}}};

static RlVolume *
open_volume(Lab *lab, const char *name)
{
    GError *error = NULL;
    RlVolume *volume = rl_volume_open(lab->pool, name, &error);

    g_assert_no_error(error);
    return volume;
}

/* A new file in the directory of @volume is kept for it, with the note. */
static bool
keep_for(const RlVolume *volume, GError **error)
{
    const RlAccess access = RL_ACCESS_DEFAULT;
    rl_autofd int fd = rl_tmpfile_open(volume->dir, &access, error);

    return fd >= 0 && rl_partial_keep(&fd, volume->dir, volume->name->leaf, &note, error);
}

static bool
keep(Lab *lab, GError **error)
{
    g_autoptr(RlVolume) volume = open_volume(lab, V);

    return keep_for(volume, error);
}

static void
keep_or_die(Lab *lab, const char *name)
{
    g_autoptr(RlVolume) volume = open_volume(lab, name);
    GError *error = NULL;

    g_assert_true(keep_for(volume, &error));
    g_assert_no_error(error);
}

/* The temporary file that is there; owned by the caller. NULL where there is none. */
static char *
temporary(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "vm");
    g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
    const char *file;

    while ((file = g_dir_read_name(entries)))
        if (strchr(file, '~'))
            return g_build_filename(path, file, NULL);
    return NULL;
}

static void
remove_temporary(Lab *lab)
{
    g_autofree char *path = temporary(lab);

    g_assert_nonnull(path);
    g_assert_cmpint(unlink(path), ==, 0);
}

static bool
is_kept(Lab *lab)
{
    RlPartialNote found;
    bool there = send_kept(lab, V, &found);

    g_assert_true(!there || (found.at == note.at && rl_partial_note_same(&found, &note)));
    return there;
}

static void
make_directory(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "vm");

    g_assert_cmpint(mkdir(path, 0755), ==, 0);
}

/* --- keeping */

static void
cannot_keep(Lab *lab, long nr, guint number, const char *words, bool noted)
{
    Disturbance at = {.nr = nr, .first = number, .count = 1, .code = EIO};
    GError *error = NULL;

    g_assert_false(disturb(lab, &at, keep, &error));
    take_errno(error, EIO, words);
    g_assert_cmpint(is_kept(lab), ==, noted);
    remove_temporary(lab);
}

static void
test_keep_fails(Lab *lab)
{
    Disturbance at = {.nr = SYS_linkat, .first = 1, .count = 1, .code = EIO};
    g_autofree char *path = lab_path(lab, "vm");
    GError *error = NULL;

    make_directory(lab);
    g_assert_false(disturb(lab, &at, keep, &error));
    take_errno(error, EIO, "disk.img");
    assert_list(path, "");
    cannot_keep(lab, SYS_flock, 1, "cannot lock", false);
    cannot_keep(lab, SYS_fsync, 1, "cannot sync '", false);
    cannot_keep(lab, SYS_fsetxattr, 1, "cannot set the attribute", false);
    /* Noted, but a power cut may take the note, or the name. */
    cannot_keep(lab, SYS_fsync, 2, "cannot sync '", true);
    cannot_keep(lab, SYS_fsync, 3, "cannot sync directory", true);
}

/* A signal comes while it waits for a sweep. */
static void
test_keep_interrupted(Lab *lab)
{
    Disturbance at = {.nr = SYS_flock, .first = 1, .count = 2, .code = EINTR};
    GError *error = NULL;

    make_directory(lab);
    g_assert_true(disturb(lab, &at, keep, &error));
    g_assert_no_error(error);
    g_assert_cmpint(at.made, ==, 3);
    g_assert_true(is_kept(lab));
}

static bool
release(Lab *lab, GError **error)
{
    g_autoptr(RlVolume) volume = open_volume(lab, V);
    rl_autofd int fd = rl_partial_open(volume, &note, error);

    return fd >= 0 && rl_partial_release(fd, error);
}

static void
test_release_fails(Lab *lab)
{
    Disturbance at = {.nr = SYS_fremovexattr, .first = 1, .count = 1, .code = EIO};
    GError *error = NULL;

    make_directory(lab);
    keep_or_die(lab, V);
    g_assert_false(disturb(lab, &at, release, &error));
    take_errno(g_steal_pointer(&error), EIO, "cannot remove the attribute");
    g_assert_true(is_kept(lab));
    /* It is no longer one that is kept, and no image either. */
    at = (Disturbance){.nr = SYS_flock, .first = 2, .count = 1, .code = EIO};
    g_assert_false(disturb(lab, &at, release, &error));
    take_errno(g_steal_pointer(&error), EIO, "cannot lock");
    g_assert_false(is_kept(lab));
    g_assert_false(image_is_there(lab, V, RL_FILE_CLEAN));
}

/* --- looking for it */

/* A volume in a directory that is not there. */
static void
test_no_directory(Lab *lab)
{
    g_autoptr(RlVolume) volume = open_volume(lab, V);
    GError *error = NULL;

    g_assert_false(is_kept(lab));
    g_assert_cmpint(rl_partial_open(volume, &note, &error), ==, -1);
    take_error(error, RL_ERROR_NOT_FOUND, V " & not kept");
    g_assert_false(rl_partial_drop(volume));
}

/* Neither one without a note, nor what is kept for another volume, is this one's. */
static void
test_others(Lab *lab)
{
    g_autoptr(RlVolume) volume = open_volume(lab, V);
    GError *error = NULL;

    make_directory(lab);
    close(lab_open(lab, "vm/disk.img~a1b2c3", O_CREAT));
    keep_or_die(lab, "vm/other");
    g_assert_true(rl_volume_refresh(volume, NULL));
    g_assert_false(is_kept(lab));
    g_assert_cmpint(rl_partial_open(volume, &note, &error), ==, -1);
    take_error(error, RL_ERROR_NOT_FOUND, V " & not kept");
    g_assert_false(rl_partial_drop(volume));
    g_autofree char *path = lab_path(lab, "vm");
    assert_list(path, "disk.img~ other.img~");
}

/* Those that follow are tried on this one, opened before: only the looks of theirs are disturbed.
 */
static RlVolume *looked_at;
static RlPartialNote wanted;
static bool there;

static bool
find(Lab *lab, GError **error)
{
    RlPartialNote found;
    time_t until;

    (void) lab;
    return rl_partial_find(looked_at, &there, &found, &until, error);
}

static bool
open_it(Lab *lab, GError **error)
{
    rl_autofd int fd = rl_partial_open(looked_at, &wanted, error);

    (void) lab;
    return fd >= 0;
}

ATTEMPT(drop, rl_partial_drop(looked_at))

static void
prepare(Lab *lab)
{
    make_directory(lab);
    keep_or_die(lab, V);
    looked_at = open_volume(lab, V);
    wanted = note;
}

/* Of the calls with the number @nr each one fails once: it is found as it is, or not offered, or
 * there is an error. */
static void
each_fails(Lab *lab, long nr, long also)
{
    for (guint first = 0, made = 0; made >= first;) {
        Disturbance at = {.nr = nr, .also = also, .first = ++first, .count = 1, .code = EIO};
        g_autoptr(GError) error = NULL;
        bool done = disturb(lab, &at, find, &error);
        g_assert_true(done == !error);
        g_assert_false(there && !done);
        made = at.made;
        g_assert_true(made >= first || there);
        g_autoptr(GError) of_open = NULL;
        g_assert_true(disturb(lab, &at, open_it, &of_open) == !of_open);
        g_assert_true(is_kept(lab));
    }
}

static void
test_find_fails(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    Disturbance all = {.nr = SYS_fgetxattr, .first = 1, .code = EIO};

    prepare(lab);
    each_fails(lab, SYS_newfstatat, SYS_fstat);
    each_fails(lab, SYS_openat, 0);
    each_fails(lab, SYS_lgetxattr, 0);
    each_fails(lab, SYS_flock, 0);
    g_assert_false(disturb(lab, &all, find, &error));
    take_errno(g_steal_pointer(&error), EIO, "cannot read the attribute");
    g_assert_false(disturb(lab, &all, open_it, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NOT_FOUND, V " & not kept");
    g_assert_true(is_kept(lab));
    g_clear_pointer(&looked_at, rl_volume_close);
}

ATTEMPT(sweep, (rl_volume_sweep(looked_at), true))

/* A sweep that cannot ask whether it is kept leaves it. */
static void
test_swept_in_doubt(Lab *lab)
{
    Disturbance asked = {.nr = SYS_lgetxattr, .first = 1, .code = EIO};

    prepare(lab);
    g_assert_true(disturb(lab, &asked, sweep, NULL));
    g_assert_cmpuint(asked.made, >, 0);
    g_assert_true(is_kept(lab));
    g_clear_pointer(&looked_at, rl_volume_close);
}

/* What cannot be listed is not called missing. */
static void
test_unlistable(Lab *lab)
{
    Disturbance at = {.nr = SYS_openat, .first = 1, .count = 1, .code = EMFILE};
    g_autoptr(GError) error = NULL;

    prepare(lab);
    g_assert_false(disturb(lab, &at, find, &error));
    take_errno(g_steal_pointer(&error), EMFILE, "cannot read directory");
    g_assert_false(disturb(lab, &at, open_it, &error));
    take_errno(g_steal_pointer(&error), EMFILE, "cannot read directory");
    g_assert_false(disturb(lab, &at, drop, NULL));
    g_assert_true(is_kept(lab));
    g_clear_pointer(&looked_at, rl_volume_close);
}

/* --- another process is faster */

static int
another_removes_it(Lab *lab)
{
    remove_temporary(lab);
    return 0;
}

static int
another_takes_the_note(Lab *lab)
{
    g_autofree char *path = temporary(lab);
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

    g_assert_true(rl_partial_note_remove(fd, NULL));
    return 0;
}

static void
open_finds_none(Lab *lab, Disturbance at)
{
    GError *error = NULL;

    g_assert_false(disturb(lab, &at, open_it, &error));
    take_error(error, RL_ERROR_NOT_FOUND, V " & not kept");
    g_assert_false(is_kept(lab));
    g_clear_pointer(&looked_at, rl_volume_close);
}

static void
test_removed_meanwhile(Lab *lab)
{
    prepare(lab);
    open_finds_none(
        lab, (Disturbance){.nr = SYS_openat, .first = 2, .count = 1, .before = another_removes_it});
}

static void
test_published_meanwhile(Lab *lab)
{
    prepare(lab);
    open_finds_none(
        lab,
        (Disturbance){.nr = SYS_flock, .first = 1, .count = 1, .before = another_takes_the_note});
    g_autofree char *path = temporary(lab);
    g_assert_nonnull(path);
}

/* --- another stream */

static void
is_of_another(RlPartialNote other)
{
    GError *error = NULL;

    g_assert_cmpint(rl_partial_open(looked_at, &other, &error), ==, -1);
    take_error(error, RL_ERROR_NOT_FOUND, V " & not kept & --token");
}

static void
test_other_streams(Lab *lab)
{
    RlPartialNote other = note;

    prepare(lab);
    other.at = note.at + 1;
    is_of_another(other);
    other = note;
    other.state.size++;
    is_of_another(other);
    other = note;
    other.state.date.tv_sec++;
    is_of_another(other);
    other = note;
    other.incremental = true;
    other.base = note.state;
    is_of_another(other);
    other = note;
    other.at--;
    rl_autofd int fd = rl_partial_open(looked_at, &other, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_clear_pointer(&looked_at, rl_volume_close);
}

/* A copy that was made while the stream came may have less of it than the note says. */
static void
test_copy_is_none(Lab *lab)
{
    g_autoptr(RlVolume) volume = NULL;
    GError *error = NULL;

    make_directory(lab);
    keep_or_die(lab, V);
    g_autofree char *path = temporary(lab);
    g_autofree char *command =
        g_strdup_printf("cp -a '%1$s' '%1$s.new' && mv '%1$s.new' '%1$s'", path);
    g_assert_cmpint(system(command), ==, 0);
    g_assert_false(is_kept(lab));
    volume = open_volume(lab, V);
    g_assert_cmpint(rl_partial_open(volume, &note, &error), ==, -1);
    take_error(error, RL_ERROR_NOT_FOUND, "'" V "'");
    g_assert_true(rl_partial_drop(volume));
}

void
add_tests(void)
{
    lab_add("/partial/keep-fails", test_keep_fails);
    lab_add("/partial/keep-interrupted", test_keep_interrupted);
    lab_add("/partial/release-fails", test_release_fails);
    lab_add("/partial/no-directory", test_no_directory);
    lab_add("/partial/others", test_others);
    lab_add("/partial/find-fails", test_find_fails);
    lab_add("/partial/swept-in-doubt", test_swept_in_doubt);
    lab_add("/partial/unlistable", test_unlistable);
    lab_add("/partial/removed-meanwhile", test_removed_meanwhile);
    lab_add("/partial/published-meanwhile", test_published_meanwhile);
    lab_add("/partial/other-streams", test_other_streams);
    lab_add("/partial/copy-is-none", test_copy_is_none);
}
