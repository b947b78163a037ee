/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* Notes of an image's access that cannot be read or written: it is said, and the image is open to
 * no more users than before. */
#include "harness/disturb.h"

#include "common/base/autofd.h"
#include "common/fs/access-note.h"
#include "common/fs/access.h"
#include "common/fs/xattr.h"

#include <errno.h>
#include <unistd.h>

static int from = -1, to = -1;

ATTEMPT(note, rl_access_note(to, error))
ATTEMPT(note_for_readers, rl_access_note_for_readers(to, true, error))
ATTEMPT(note_lasts, rl_access_note_lasts(to, error))
ATTEMPT(copy_note, rl_access_copy_note(from, to, error))
ATTEMPT(is_same, rl_access_is_same(from, to))

static char *
noted(int fd)
{
    char *text;

    g_assert_true(rl_xattr_get(fd, RL_ATTR_ACCESS, &text, NULL));
    return text;
}

static void
open_both(Lab *lab)
{
    from = lab_open(lab, "from", 0);
    to = lab_open(lab, "to", 0);
    g_assert_true(fchmod(from, 0640) == 0 && fchmod(to, 0600) == 0);
}

static void
close_both(void)
{
    rl_fd_close(&from);
    rl_fd_close(&to);
}

static void
test_calls_fail(Lab *lab)
{
    const Attempt attempts[] = {note, note_for_readers, note_lasts, copy_note};
    g_autofree char *path = lab_path(lab, "to");

    open_both(lab);
    g_assert_true(rl_access_note(from, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(attempts); i++) {
        fails_without(lab, SYS_fgetxattr, attempts[i]);
        fails_without(lab, SYS_fsetxattr, attempts[i]);
        fails_without(lab, SYS_openat, attempts[i]); /* the boot's id */
        g_autofree char *text = noted(to);
        g_assert_null(text);
        g_assert_cmpuint(look(path).st_mode & 0007, ==, 0);
    }
    g_assert_true(copy_note(lab, NULL));
    g_autofree char *text = noted(to);
    g_assert_true(g_str_has_prefix(text, "0640 "));
    close_both();
}

/* A note that is none is replaced by what the image has; none at all is made. */
static void
test_lasts(Lab *lab)
{
    const char *const before[] = {NULL, "damaged"};

    open_both(lab);
    for (size_t i = 0; i < G_N_ELEMENTS(before); i++) {
        g_assert_true(before[i] ? rl_xattr_set(to, RL_ATTR_ACCESS, before[i], NULL)
                                : rl_xattr_remove(to, RL_ATTR_ACCESS, NULL));
        g_assert_true(note_lasts(lab, NULL));
        g_autofree char *text = noted(to);
        g_assert_true(g_str_has_prefix(text, "0600 0 0 - "));
    }
    close_both();
}

/* A copy of a damaged note is none. */
static void
test_copy_of_damaged(Lab *lab)
{
    open_both(lab);
    g_assert_true(rl_xattr_set(from, RL_ATTR_ACCESS, "damaged", NULL));
    g_assert_true(copy_note(lab, NULL));
    g_autofree char *text = noted(to);
    g_assert_true(g_str_has_prefix(text, "0640 0 0 - "));
    close_both();
}

/* What cannot be told is not the same. */
static void
test_is_same(Lab *lab)
{
    Disturbance attrs = {.nr = SYS_fgetxattr, .first = 1, .code = EIO};

    open_both(lab);
    g_assert_false(is_same(lab, NULL));
    g_assert_true(rl_access_copy(from, to, NULL));
    g_assert_true(is_same(lab, NULL));
    g_assert_false(disturb(lab, &attrs, is_same, NULL));
    g_assert_cmpint(fchown(to, 1234, 5678), ==, 0);
    g_assert_false(is_same(lab, NULL));
    close_both();
}

void
add_tests(void)
{
    lab_add("/access-fails/calls-fail", test_calls_fail);
    lab_add("/access-fails/lasts", test_lasts);
    lab_add("/access-fails/copy-of-damaged", test_copy_of_damaged);
    lab_add("/access-fails/is-same", test_is_same);
}
