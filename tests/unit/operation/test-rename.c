/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A volume gets another name, or stays as it is. */
#include "common/operation/rename.h"

#include "common/base/autofd.h"
#include "common/format/image-save.h"
#include "common/image/restore-fit.h"
#include "harness/lab.h"
#include "harness/staged.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void
rename_to(Lab *lab, const char *from, const char *to)
{
    GError *error = NULL;

    g_assert_true(rl_volume_rename_to(lab->pool, from, to, &error));
    g_assert_no_error(error);
}

/* With its revisions and their numbers, into another directory, and back. */
static void
test_persistent(Lab *lab)
{
    lab_options(lab, 9);
    lab_create(lab, "a/one", "one", 1 * MIB);
    lab_run(lab, "a/one", "two");
    lab_run(lab, "a/one", "three");
    staged_label(lab, "a/one", "named");
    ino_t inode = image_inode(lab, "a/one", RL_FILE_CLEAN);

    rename_to(lab, "a/one", "b/c/two");
    g_autofree char *old = lab_path(lab, "a");
    assert_list(old, "");
    g_assert_cmpint(image_inode(lab, "b/c/two", RL_FILE_CLEAN), ==, inode);
    image_is(lab, "b/c/two", RL_FILE_CLEAN, "three");
    g_autofree char *left = revisions(lab, "b/c/two");
    g_assert_cmpstr(left, ==, "1 2 named");
    g_autofree char *clean = lab_file(lab, "b/c/two", RL_FILE_CLEAN);
    struct stat st = look(clean);
    g_assert_cmpint(st.st_nlink, ==, 1);

    lab_run(lab, "b/c/two", "four");
    g_autofree char *more = revisions(lab, "b/c/two");
    g_assert_cmpstr(more, ==, "1 2 3 named");
    rename_to(lab, "b/c/two", "plain");
    image_is(lab, "plain", RL_FILE_CLEAN, "four");
    g_autofree char *folder = lab_path(lab, "b");
    assert_list(folder, "");
}

static void
test_kinds(Lab *lab)
{
    lab_create(lab, "a/source", "source", 1 * MIB);
    lab_create_kind(lab, "a/snapshot", RL_KIND_SNAPSHOT, "a/source", NULL, 0);
    lab_create_kind(lab, "a/volatile", RL_KIND_VOLATILE, NULL, NULL, 1 * MIB);
    lab_create_kind(lab, "a/direct", RL_KIND_DIRECT, NULL, "direct", 1 * MIB);

    rename_to(lab, "a/snapshot", "b/snapshot");
    rename_to(lab, "a/volatile", "b/volatile");
    rename_to(lab, "a/direct", "b/direct");
    lab_start(lab, "b/snapshot", &alice);
    image_is(lab, "b/snapshot", RL_FILE_DIRTY, "source");
    lab_stop(lab, "b/snapshot", &alice, RL_STOP_DROPPED);
    lab_start(lab, "b/volatile", &alice);
    g_assert_cmpint(image_size(lab, "b/volatile", RL_FILE_DIRTY), ==, 1 * MIB);
    lab_stop(lab, "b/volatile", &alice, RL_STOP_DROPPED);
    lab_start(lab, "b/direct", &alice);
    image_is(lab, "b/direct", RL_FILE_DIRTY, "direct");
    lab_stop(lab, "b/direct", &alice, RL_STOP_RETURNED);
    lab_rename_fails(lab, "a/source", "b/source", RL_ERROR_STATE, "a/source & b/snapshot");
}

static void
test_refused(Lab *lab)
{
    lab_create(lab, "a/one", "one", 1 * MIB);
    lab_create(lab, "a/two", "two", 1 * MIB);
    lab_run(lab, "a/one", "more");
    lab_rename_fails(lab, "a/one", "a/two", RL_ERROR_EXISTS, "a/two");
    lab_rename_fails(lab, "a/one", "a/one", RL_ERROR_EXISTS, "a/one");
    lab_rename_fails(lab, "a/none", "a/new", RL_ERROR_NOT_FOUND, "a/none");
    lab_rename_fails(lab, "gone/none", "a/two", RL_ERROR_NOT_FOUND, "gone/none");
    lab_rename_fails(lab, "a/one", "a/new@1", RL_ERROR_NAME, "a/new@1");
    lab_rename_fails(lab, "a/one", "a//new", RL_ERROR_NAME, "a//new");

    lab_start(lab, "a/one", &alice);
    lab_rename_fails(lab, "a/one", "new/new", RL_ERROR_STATE, "a/one");
    lab_crash(lab, "a/one");
    lab_rename_fails(lab, "a/one", "new/new", RL_ERROR_STATE, "a/one");
    image_write(lab, "a/one", RL_FILE_DIRTY, "most");
    lab_stop(lab, "a/one", &alice, RL_STOP_COMMITTED);

    int fd = image_open(lab, "a/one", RL_FILE_CLEAN, O_RDWR);
    lab_rename_fails(lab, "a/one", "new/new", RL_ERROR_BUSY, "a/one");
    close(fd);
    fd = image_open(lab, "a/one", RL_FILE_CLEAN, O_RDONLY);
    lab_rename_fails(lab, "a/one", "new/new", RL_ERROR_BUSY, "a/one");
    close(fd);

    /* What others have put there stays. */
    g_autofree char *remains = lab_path(lab, "a/new.img.7@2018-01-02T05:06:07Z");
    make_file(remains, "remains");
    lab_rename_fails(lab, "a/one", "a/new", RL_ERROR_STATE, "a/new@7");
    g_assert_cmpint(unlink(remains), ==, 0);
    g_autofree char *vm = lab_path(lab, "a"), *in_the_way = NULL;
    g_autofree char *names = list(vm);
    g_auto(GStrv) words = g_strsplit(names, " ", -1);
    for (guint i = 0; words[i]; i++)
        if (g_str_has_prefix(words[i], "one.img.1@"))
            in_the_way = g_strconcat(vm, "/new", words[i] + 3, NULL);
    g_assert_cmpint(symlink("/nowhere", in_the_way), ==, 0);
    GError *error = NULL;
    g_assert_false(rl_volume_rename_to(lab->pool, "a/one", "a/new", &error));
    take_errno(error, EEXIST, "a/one");
    g_assert_cmpint(access(in_the_way, F_OK), ==, -1);
    char target[64];
    g_assert_cmpint(readlink(in_the_way, target, sizeof(target)), ==, 8);
    g_assert_cmpint(unlink(in_the_way), ==, 0);
    rename_to(lab, "a/one", "a/new");
}

/* What a renaming that was cut off has left, before and after the clean image has its new name. */
static void
test_cut_off(Lab *lab)
{
    lab_options(lab, 9);
    lab_create(lab, "a/one", "one", 1 * MIB);
    lab_run(lab, "a/one", "two");
    staged_label(lab, "a/one", "named");
    g_autofree char *label = lab_path(lab, "a/one.img@named");
    g_autofree char *new_label = lab_path(lab, "a/two.img@named");
    g_assert_cmpint(link(label, new_label), ==, 0);
    rename_to(lab, "a/one", "a/two");
    g_autofree char *all = revisions(lab, "a/two");
    g_assert_cmpstr(all, ==, "1 named");

    g_assert_cmpint(link(new_label, label), ==, 0);
    rename_to(lab, "a/one", "a/two");
    g_assert_false(is_there(label));
    lab_rename_fails(lab, "a/one", "a/two", RL_ERROR_NOT_FOUND, "a/one");
    /* One of an earlier volume is not what it has left. */
    make_file(label, "earlier");
    lab_rename_fails(lab, "a/one", "a/two", RL_ERROR_NOT_FOUND, "a/one");
}

/* What a power cut between the two directories leaves on btrfs: both have all of it. */
static void
have_both(Lab *lab, const char *from, const char *to)
{
    g_autofree char *old = lab_path(lab, from), *new = lab_path(lab, to);
    g_autofree char *old_dir = g_path_get_dirname(old), *new_dir = g_path_get_dirname(new);
    g_autofree char *old_leaf = g_path_get_basename(old), *new_leaf = g_path_get_basename(new);
    g_autofree char *names = list(new_dir);
    g_auto(GStrv) words = g_strsplit(names, " ", -1);

    g_assert_cmpint(g_mkdir_with_parents(old_dir, 0755), ==, 0);
    for (guint i = 0; words[i]; i++) {
        g_autofree char *is = g_build_filename(new_dir, words[i], NULL);
        g_autofree char *was =
            g_strconcat(old_dir, "/", old_leaf, words[i] + strlen(new_leaf), NULL);
        g_assert_cmpint(link(is, was), ==, 0);
    }
}

static void
test_twice(Lab *lab)
{
    lab_options(lab, 9);
    lab_create(lab, "a/one", "one", 1 * MIB);
    lab_run(lab, "a/one", "two");
    staged_label(lab, "a/one", "named");
    lab_create_kind(lab, "d/direct", RL_KIND_DIRECT, NULL, "direct", 1 * MIB);
    rename_to(lab, "a/one", "b/two");
    rename_to(lab, "d/direct", "e/direct");
    have_both(lab, "a/one", "b/two");
    have_both(lab, "d/direct", "e/direct");

    lab_rename_fails(lab, "a/one", "e/direct", RL_ERROR_EXISTS, "e/direct");
    rename_to(lab, "a/one", "b/two");
    rename_to(lab, "d/direct", "e/direct");
    g_autofree char *first = lab_path(lab, "a"), *second = lab_path(lab, "d");
    assert_list(first, "");
    assert_list(second, "");
    g_autofree char *all = revisions(lab, "b/two");
    g_assert_cmpstr(all, ==, "1 named");
    lab_run(lab, "b/two", "three");
    lab_start(lab, "e/direct", &alice);
    image_is(lab, "e/direct", RL_FILE_DIRTY, "direct");
    lab_stop(lab, "e/direct", &alice, RL_STOP_RETURNED);

    /* What somebody made by hand is none. */
    g_autofree char *clean = lab_file(lab, "b/two", RL_FILE_CLEAN);
    g_autofree char *other = lab_path(lab, "b/other.img");
    g_assert_cmpint(link(clean, other), ==, 0);
    lab_rename_fails(lab, "b/two", "b/other", RL_ERROR_EXISTS, "b/other & revisions");
}

/* Is @path, an image of @name, what a domain has read by that since @us? */
static bool
was_read(Lab *lab, const char *name, const char *path, gint64 us)
{
    const RlMemory memory = {.date_us = us};
    RlDomainRef owner = alice;
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, name, NULL);
    g_autofree char *file = g_path_get_basename(path);
    rl_autofd int fd = rl_volume_open_image(volume, file, NULL);

    owner.memory = &memory;
    return rl_fits_require_at_rest(volume, file, fd, &owner, NULL);
}

/* A saved domain, which reads them by their names, finds another content there. */
static void
test_names_since(Lab *lab)
{
    const char *const which[] = {"1", "named"};

    lab_create(lab, "a/one", "one", 1 * MIB);
    lab_run(lab, "a/one", "two");
    staged_label(lab, "a/one", "named");
    g_usleep(20 * 1000);
    gint64 before_us = g_get_real_time();
    rename_to(lab, "a/one", "a/two");
    g_autofree char *clean = lab_file(lab, "a/two", RL_FILE_CLEAN);
    g_assert_false(was_read(lab, "a/two", clean, before_us));
    g_assert_true(was_read(lab, "a/two", clean, g_get_real_time()));
    for (size_t i = 0; i < G_N_ELEMENTS(which); i++) {
        g_autofree char *path = revision_path(lab, "a/two", which[i]);
        g_assert_false(was_read(lab, "a/two", path, before_us));
        g_assert_true(was_read(lab, "a/two", path, g_get_real_time()));
    }
}

void
add_tests(void)
{
    lab_add("/rename/persistent", test_persistent);
    lab_add("/rename/kinds", test_kinds);
    lab_add("/rename/refused", test_refused);
    lab_add("/rename/cut-off", test_cut_off);
    lab_add("/rename/twice", test_twice);
    lab_add("/rename/names-since", test_names_since);
}
