/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 ext3 */
/* Notes on images that lost a guest's writes. */
#include "common/format/lost-writes-note.h"

#include "common/base/autofd.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#ifdef SYS_unlink
#define UNLINK SYS_unlink
#else
#define UNLINK 0
#endif

static int
open_file(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f");

    return open(path, O_RDONLY | O_CLOEXEC);
}

static void
make(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f");

    make_file(path, "x");
}

static bool
note(Lab *lab, GError **error)
{
    rl_autofd int fd = open_file(lab);

    return rl_lost_note(fd, error);
}

static bool
note_as(Lab *lab, GError **error)
{
    (void) lab;
    return rl_lost_note_as("test-lost-writes-note", error);
}

/* True if it could be told. */
static bool
look_for_it(Lab *lab, GError **error)
{
    rl_autofd int fd = open_file(lab);
    bool lost = true;

    bool told = rl_lost_is_noted(fd, &lost, error);
    g_assert_false(!told && lost);
    return told;
}

static bool
is_noted(Lab *lab)
{
    rl_autofd int fd = open_file(lab);
    GError *error = NULL;
    bool lost;

    g_assert_true(rl_lost_is_noted(fd, &lost, &error));
    g_assert_no_error(error);
    return lost;
}

static bool
forget(Lab *lab, GError **error)
{
    rl_autofd int fd = open_file(lab);

    (void) error;
    rl_lost_forget(fd);
    return true;
}

static void
test_note(Lab *lab)
{
    make(lab);
    g_assert_false(is_noted(lab));
    g_assert_true(forget(lab, NULL));
    g_assert_true(note(lab, NULL));
    g_assert_true(note(lab, NULL));
    g_assert_true(is_noted(lab));
    g_assert_true(forget(lab, NULL));
    g_assert_false(is_noted(lab));
}

/* The image cannot be examined: that is no answer, and no note of another one. */
static void
test_no_image(Lab *lab)
{
    Disturbance look = {.nr = SYS_statx, .first = 1, .code = EIO};
    GError *error = NULL;

    make(lab);
    g_assert_true(note(lab, NULL));
    g_assert_false(disturb(lab, &look, note, &error));
    take_errno(error, EIO, "cannot examine '");
    error = NULL;
    g_assert_false(disturb(lab, &look, look_for_it, &error));
    take_errno(error, EIO, "cannot examine '");
    g_assert_true(disturb(lab, &look, forget, NULL));
    g_assert_true(is_noted(lab));
    g_assert_true(forget(lab, NULL));
}

/* The place of the notes cannot be read or written: it is said, and what is noted stays so. */
static void
test_no_place(Lab *lab)
{
    Disturbance opening = {.nr = SYS_openat, .first = 1, .code = EMFILE};
    Disturbance look = {.nr = SYS_newfstatat, .first = 1, .code = EACCES};
    Disturbance removal = {.nr = SYS_unlinkat, .also = UNLINK, .first = 1, .code = EROFS};
    GError *error = NULL;

    make(lab);
    g_assert_false(disturb(lab, &opening, note_as, &error));
    take_errno(error, EMFILE, "/lost'");
    g_assert_true(note(lab, NULL));
    error = NULL;
    g_assert_false(disturb(lab, &look, look_for_it, &error));
    take_errno(error, EACCES, "cannot look for");
    g_assert_true(disturb(lab, &removal, forget, NULL));
    g_assert_cmpuint(removal.made, ==, 1);
    g_assert_true(is_noted(lab));
    g_assert_true(forget(lab, NULL));
    g_assert_false(is_noted(lab));
}

static bool
has_same_name(Lab *lab, GError **error)
{
    rl_autofd int fd = open_file(lab);
    g_autofree char *name = rl_lost_name(fd, error);

    return name && g_str_has_prefix(name, "0-");
}

static bool
has_name(Lab *lab, GError **error)
{
    rl_autofd int fd = open_file(lab);
    g_autofree char *name = rl_lost_name(fd, error);

    return name != NULL;
}

/* A file system that tells no time of birth has the numbers of the device and of the file. */
static void
test_no_birth(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f");
    Disturbance stats = {.nr = SYS_newfstatat, .also = SYS_fstat, .first = 1, .code = EIO};
    GError *error = NULL;

    make(lab);
    struct stat st = look(path);
    rl_autofd int fd = open_file(lab);
    g_autofree char *name = rl_lost_name(fd, &error);
    g_autofree char *wanted =
        g_strdup_printf("%lx-%lx", (unsigned long) st.st_dev, (unsigned long) st.st_ino);
    g_assert_no_error(error);
    g_assert_cmpstr(name, ==, wanted);
    g_assert_false(disturb(lab, &stats, has_name, &error));
    take_errno(error, EIO, "cannot examine '");
    test_note(lab);
}

/* A file system that does not say which one it is has a name for its images all the same. */
static void
test_no_subvolume(Lab *lab)
{
    Disturbance look = {.nr = SYS_fstatfs, .first = 1, .code = EIO};
    GError *error = NULL;

    make(lab);
    g_assert_true(disturb(lab, &look, has_same_name, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(look.made, ==, 1);
    g_assert_cmpint(has_same_name(lab, NULL), ==, strcmp(lab->fs, "btrfs") != 0);
}

void
add_tests(void)
{
    lab_add("/lost-writes-note/note", test_note);
    lab_add("/lost-writes-note/no-image", test_no_image);
    lab_add("/lost-writes-note/no-place", test_no_place);
    lab_add_on("/lost-writes-note/no-birth", "ext3", test_no_birth);
    lab_add("/lost-writes-note/no-subvolume", test_no_subvolume);
}
