/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
/* An error about a descriptor names the file. */
#include "common/fs/file-error.h"

#include "common/base/autofd.h"
#include "harness/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Takes what is the error of @fd, in the sentence "cannot examine ...". */
static void
names(int fd, const char *words)
{
    GError *error = NULL;

    g_assert_false(rl_fail_file(&error, EIO, fd, "cannot %s", "examine"));
    take_errno(error, EIO, words);
}

static void
test_name(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "a"), *label = NULL;
    g_autofree char *words = g_strdup_printf("cannot examine '%s': Input/output error", path);
    rl_autofd int fd = lab_open(lab, "a", 0);

    names(fd, words);
    errno = ENOSPC;
    label = rl_file_label(fd);
    g_assert_cmpint(errno, ==, ENOSPC);
    g_assert_false(rl_fail_file(NULL, EIO, fd, "cannot examine"));
}

static void
test_no_name(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "a"), *hash = lab_path(lab, "#1");
    g_autofree char *new = g_strdup_printf("cannot examine a new file in '%s': ", lab->path);
    g_autofree char *gone = g_strdup_printf("cannot examine '%s' (deleted): ", path);
    g_autofree char *named = g_strdup_printf("cannot examine '%s': ", hash);
    rl_autofd int temp = open(lab->path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    rl_autofd int fd = lab_open(lab, "a", 0), like = lab_open(lab, "#1", 0);
    int ends[2];

    g_assert_cmpint(unlink(path), ==, 0);
    names(temp, new);
    names(fd, gone);
    names(like, named);
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    names(ends[0], "cannot examine a file: ");
    names(-1, "cannot examine a file: ");
    close(ends[0]);
    close(ends[1]);
}

static void
test_at(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "none");
    g_autofree char *words = g_strdup_printf("cannot examine '%s': ", path);
    g_autofree char *self = g_strdup_printf("cannot examine '%s': ", lab->path);
    rl_autofd int root = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    GError *error = NULL;

    g_assert_false(rl_fail_file_at(&error, EIO, root, "none", "cannot examine"));
    take_errno(g_steal_pointer(&error), EIO, words);
    g_assert_false(rl_fail_file_at(&error, EIO, root, "", "cannot examine"));
    take_errno(g_steal_pointer(&error), EIO, self);
    g_assert_false(rl_fail_file_at(&error, EIO, -1, "none", "cannot examine"));
    take_errno(g_steal_pointer(&error), EIO, "cannot examine 'none': ");
    g_assert_false(rl_fail_file_at(NULL, EIO, root, "none", "cannot examine"));
}

void
add_tests(void)
{
    lab_add("/file-error/name", test_name);
    lab_add("/file-error/no-name", test_no_name);
    lab_add("/file-error/at", test_at);
}
