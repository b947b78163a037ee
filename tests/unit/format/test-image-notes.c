/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
/* Notes on an image that are damaged, or of another file, prove nothing. */
#include "common/base/autofd.h"
#include "common/format/highest-note.h"
#include "common/format/image-copy.h"
#include "common/fs/xattr.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define ID "0123456789abcdef0123456789abcdef"

static int
new_file(Lab *lab, const char *name)
{
    g_autofree char *path = lab_path(lab, name);

    make_file(path, "x");
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void
get_note(int fd, const char *key, char **ret_text)
{
    g_assert_true(rl_xattr_get(fd, key, ret_text, NULL));
    g_assert_nonnull(*ret_text);
}

static void
set_note(int fd, const char *key, const char *text)
{
    g_assert_true(rl_xattr_set(fd, key, text, NULL));
}

/* The note with each of its words left out, or replaced, or with one more. */
static void
test_copy(Lab *lab)
{
    static const char *const others[] = {"", "?", "-1", "99999999999999999999999"};
    rl_autofd int source = new_file(lab, "source"), copy = new_file(lab, "copy");
    struct stat st;

    g_assert_no_errno(fstat(source, &st));
    g_autofree char *date =
        g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld", (gint64) st.st_size,
                        (gint64) st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    const RlImageBase state = {(char *) ID, date}, none = {NULL, date};

    g_assert_false(rl_image_copy_is(copy, &state));
    g_assert_false(rl_image_copy_may_be(copy, ID));
    g_assert_true(rl_image_copy_note(copy, ID, &st, NULL));
    g_assert_true(rl_image_copy_is(copy, &state));
    g_assert_false(rl_image_copy_is(copy, &none));
    g_assert_true(rl_image_copy_may_be(copy, ID));
    g_assert_false(rl_image_copy_may_be(copy, "another"));

    g_autofree char *good = NULL;
    get_note(copy, RL_ATTR_COPY_DATE, &good);
    g_auto(GStrv) words = g_strsplit(good, " ", -1);
    for (guint i = 0; words[i]; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(others); k++) {
            char *word = words[i];
            words[i] = (char *) others[k];
            g_autofree char *bad = g_strjoinv(" ", words);
            words[i] = word;
            set_note(copy, RL_ATTR_COPY_DATE, bad);
            g_assert_false(rl_image_copy_is(copy, &state));
        }
    }
    g_autofree char *longer = g_strconcat(good, " 1", NULL);
    set_note(copy, RL_ATTR_COPY_DATE, longer);
    g_assert_false(rl_image_copy_is(copy, &state));
    set_note(copy, RL_ATTR_COPY_DATE, ID);
    g_assert_false(rl_image_copy_is(copy, &state));
    set_note(copy, RL_ATTR_COPY_DATE, good);
    g_assert_true(rl_image_copy_is(copy, &state));
}

/* The number is told as it stands, but it is sure only of this file, and of now. */
static void
expect_highest(int fd, uint64_t wanted, bool wanted_sure)
{
    uint64_t number = 0;
    bool sure = !wanted_sure;

    g_assert_true(rl_highest_get(fd, &number, &sure, NULL));
    g_assert_cmpuint(number, ==, wanted);
    g_assert_cmpint(sure, ==, wanted_sure);
}

static void
test_highest(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "f"), other = new_file(lab, "g");

    expect_highest(fd, 0, false);
    g_assert_true(rl_highest_set(fd, 7, NULL));
    expect_highest(fd, 7, true);
    g_autofree char *good = NULL;
    get_note(fd, RL_ATTR_HIGHEST_OF, &good);
    const char *time = strrchr(good, ' ');
    g_assert_nonnull(time);
    g_autofree char *inode = g_strndup(good, (gsize) (time - good));
    g_autofree char *never = g_strconcat(inode, " 0", NULL);
    g_autofree char *before = g_strconcat(inode, " -5", NULL);
    g_autofree char *word = g_strconcat(inode, " x", NULL);
    g_autofree char *longer = g_strconcat("1", good, NULL);
    const char *const bad[] = {never, before, word, longer, inode, "", "x"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        set_note(fd, RL_ATTR_HIGHEST_OF, bad[i]);
        expect_highest(fd, 7, false);
    }
    set_note(fd, RL_ATTR_HIGHEST_OF, good);
    expect_highest(fd, 7, true);
    set_note(other, RL_ATTR_HIGHEST, "7");
    set_note(other, RL_ATTR_HIGHEST_OF, good);
    expect_highest(other, 7, false);
}

void
add_tests(void)
{
    lab_add("/image-notes/copy", test_copy);
    lab_add("/image-notes/highest", test_highest);
}
