/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A directory's path is what leads to it, or an error. */
#include "common/fs/real-path.h"

#include "common/base/autofd.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void
make(Lab *lab, const char *name)
{
    g_autofree char *path = lab_path(lab, name);

    g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
}

/* The errno of an attempt to open @name in the pool's directory, or 0. */
static int
open_error(Lab *lab, const char *name, int flags)
{
    g_autofree char *path = lab_path(lab, name);
    rl_autofd int fd = rl_real_path_open(path, flags);

    return fd < 0 ? errno : 0;
}

/* Links are followed, but those of proc(5): they are told from a circle. */
static void
test_links(Lab *lab)
{
    g_autofree char *near = lab_path(lab, "near"), *loop = lab_path(lab, "loop");
    rl_autofd int root = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", root);

    make(lab, "dir/inner");
    g_assert_cmpint(symlink("dir", near), ==, 0);
    g_assert_cmpint(symlink("loop", loop), ==, 0);
    g_assert_cmpint(open_error(lab, "near/inner", O_DIRECTORY), ==, 0);
    g_assert_cmpint(open_error(lab, "none", 0), ==, ENOENT);
    g_assert_cmpint(open_error(lab, "loop", 0), ==, ELOOP);
    g_assert_cmpint(rl_real_path_open(self, O_DIRECTORY), ==, -1);
    g_assert_cmpint(errno, ==, EXDEV);
}

static bool
opens(Lab *lab, GError **error)
{
    (void) error;
    return open_error(lab, "dir", O_DIRECTORY) == 0;
}

static bool
refuses_magic(Lab *lab, GError **error)
{
    rl_autofd int fd = rl_real_path_open("/proc/self/cwd", O_DIRECTORY);

    (void) lab;
    (void) error;
    return fd < 0 && errno == EXDEV;
}

/* An interruption, or a renaming beside it, is no answer. */
static void
test_again(Lab *lab)
{
    Disturbance calls = {.nr = SYS_openat2, .first = 1, .count = 3, .code = EAGAIN};

    make(lab, "dir");
    g_assert_true(disturb(lab, &calls, opens, NULL));
    g_assert_cmpuint(calls.made, ==, 4);
    calls.code = EINTR;
    g_assert_true(disturb(lab, &calls, opens, NULL));
    g_assert_cmpuint(calls.made, ==, 4);
    calls.code = EIO;
    g_assert_false(disturb(lab, &calls, opens, NULL));
    g_assert_cmpuint(calls.made, ==, 1);
    /* What cannot be opened to compare is no circle that was found. */
    Disturbance second = {.nr = SYS_openat, .first = 1, .code = EIO};
    g_assert_true(disturb(lab, &second, refuses_magic, NULL));
    g_assert_cmpuint(second.made, >, 0);
}

/* The path of "dir", which was opened before anything else happens to it. */
static bool
path_is_told(Lab *lab, GError **error)
{
    g_autofree char *dir = lab_path(lab, "dir"), *real = g_canonicalize_filename(dir, NULL);
    rl_autofd int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *path = rl_real_path_of(fd, error);

    if (path)
        g_assert_cmpstr(path, ==, real);
    return path != NULL;
}

static int
exchange(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "dir"), *other = lab_path(lab, "other");

    g_assert_cmpint(renameat2(AT_FDCWD, dir, AT_FDCWD, other, RENAME_EXCHANGE), ==, 0);
    return 0;
}

/* Another directory, or none, has the path by now; or it cannot be determined. */
static void
test_another(Lab *lab)
{
    Disturbance opening = {.nr = SYS_openat2, .first = 1, .before = exchange};
    Disturbance statx = {.nr = SYS_statx, .first = 1, .code = EIO};
    GError *error = NULL;

    make(lab, "dir");
    make(lab, "other");
    g_assert_true(path_is_told(lab, &error));
    g_assert_no_error(error);
    g_assert_false(disturb(lab, &opening, path_is_told, &error));
    take_error(error, RL_ERROR_STATE, "that is another directory now");
    opening.before = NULL;
    opening.code = EACCES;
    error = NULL;
    g_assert_false(disturb(lab, &opening, path_is_told, &error));
    take_error(error, RL_ERROR_STATE, "/dir'");
    error = NULL;
    g_assert_false(disturb(lab, &statx, path_is_told, &error));
    take_errno(error, EIO, "cannot examine directory");
    error = NULL;
    statx.first = 2;
    g_assert_false(disturb(lab, &statx, path_is_told, &error));
    take_error(error, RL_ERROR_STATE, "/dir'");
    error = NULL;
    g_assert_null(rl_real_path_of(-1, &error));
    g_assert_nonnull(error);
    g_error_free(error);
}

/* It keeps the path that it had. */
static void
test_removed(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "dir");
    GError *error = NULL;

    make(lab, "dir");
    rl_autofd int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(rmdir(dir), ==, 0);
    g_autofree char *path = rl_real_path_of(fd, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_suffix(path, "/dir (deleted)"));
}

void
add_tests(void)
{
    lab_add("/real-path/links", test_links);
    lab_add("/real-path/again", test_again);
    lab_add("/real-path/another", test_another);
    lab_add("/real-path/removed", test_removed);
}
