/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What is left of a volume whose clean image is not there, when one of that name is made. */
#include "common/base/autofd.h"
#include "common/format/highest-note.h"
#include "common/fs/xattr.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "harness/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define V "a/b/private"

/* What a deletion that was cut off left is not the new volume's; what an administrator put there
 * stays. */
static void
test_leftovers_go(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b"), *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *import = g_build_filename(dir, "private-import.img", NULL);
    g_autofree char *backup = g_build_filename(dir, "private.img~original", NULL);
    GError *error = NULL;

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "old", MIB);
    g_assert_cmpint(unlink(clean), ==, 0);
    make_file(import, "x");
    make_file(backup, "x");
    g_autoptr(RlStagedImage) draft = staged_begin(lab, V);
    g_assert_true(rl_staged_create(draft, NULL, MIB, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "");
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, V, NULL);
    g_assert_cmpint(volume->kind, ==, RL_KIND_PERSISTENT);
    g_assert_null(volume->record);
    rl_volume_maintain(lab->pool, V, false, NULL);
    assert_list(dir, "private-import.img private-precache.img private.img private.img~");
}

static void
assert_create_is_refused(Lab *lab, const char *words)
{
    g_autofree char *before = list_tree(lab->path);
    const RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    g_assert_null(rl_staged_new(lab_pool(lab), V, &access, &error));
    take_error(error, RL_ERROR_STATE, words);
    /* Nor does a refresh take anything. */
    g_assert_true(rl_volume_clear(lab->pool, V, NULL));
    g_assert_true(rl_volume_maintain(lab->pool, V, true, NULL));
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

/* Only the clean image was lost: what else there is of the volume is data, and not what a deletion
 * left. */
static void
test_lost_image_refuses(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    g_autoptr(RlName) revision = rl_name_parse(V "@1", NULL);

    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    g_assert_true(rl_volume_maintain(lab->pool, V, true, NULL));
    g_assert_cmpint(unlink(clean), ==, 0);
    assert_create_is_refused(lab, "'a/b/private@1' & 'private.img'");
    g_assert_true(rl_revision_delete(lab->pool, revision, NULL));
    assert_create_is_refused(lab, "'private-precache.img' & 'private.img'");
    /* The way out that the message names. */
    g_assert_cmpint(rename(precache, clean), ==, 0);
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* A direct volume whose image was moved away is one still when that comes back. */
static void
test_moved_image_keeps_its_record(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *away = lab_path(lab, "away");

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "old", MIB);
    staged_replace(lab, V, "new");
    g_assert_cmpint(rename(clean, away), ==, 0);
    assert_create_is_refused(lab, "'a/b/private@1'");
    g_assert_cmpint(rename(away, clean), ==, 0);
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, V, NULL);
    g_assert_cmpint(volume->kind, ==, RL_KIND_DIRECT);
}

/* Somebody wished for it: it is not removed unasked, and with it nothing else is. */
static void
test_orphaned_label_refuses(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autoptr(RlStagedImage) draft = staged_begin(lab, V); /* before there is anything */
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    staged_label(lab, V, "label");
    g_assert_cmpint(unlink(clean), ==, 0);
    g_autofree char *record = lab_file(lab, V, RL_FILE_RECORD);
    make_file(record, "left of a direct volume");
    g_assert_cmpint(unlink(record), ==, 0);
    g_autofree char *before = list_tree(lab->path);
    g_assert_false(rl_staged_create(draft, NULL, MIB, &error));
    take_error(error, RL_ERROR_STATE, "'a/b/private@label'");
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

/* The flag keeps a file from being renamed. */
static void
set_immutable(const char *path, bool is)
{
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    int flags;

    g_assert_cmpint(ioctl(fd, FS_IOC_GETFLAGS, &flags), ==, 0);
    flags = is ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    g_assert_cmpint(ioctl(fd, FS_IOC_SETFLAGS, &flags), ==, 0);
}

/* Leaves the volume without revisions, the newest number of which its clean image does not know:
 * that is one itself, after a replacement that was cut off; or came back from a backup; or the
 * newest revision did. */
static void
forget_number(Lab *lab, int how)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *newest = revision_path(lab, V, "2");
    g_autofree char *dir = lab_path(lab, "a/b");
    g_autofree char *third = g_build_filename(dir, "private.img.3@2001-02-03T04:05:06Z", NULL);

    if (how == 0) {
        g_assert_cmpint(link(clean, third), ==, 0);
    } else if (how == 1) {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
        g_assert_true(rl_highest_set(fd, 1, NULL));
        g_assert_true(rl_xattr_set(fd, RL_ATTR_HIGHEST_OF, "another", NULL));
        g_assert_cmpint(rename(newest, third), ==, 0);
    } else {
        g_assert_cmpint(rename(newest, third), ==, 0);
    }
}

/* What goes on after a deletion that was cut off, or after that of the revision, gives no number a
 * second time. */
static void
test_numbers_stay(Lab *lab)
{
    g_autoptr(RlName) third = rl_name_parse(V "@3", NULL);
    g_autofree char *import = lab_path(lab, "a/b/private-import.img");
    GError *error = NULL;

    lab_options(lab, 9);
    for (int i = 0; i < 6; i++) {
        lab_create(lab, V, "one", MIB);
        lab_run(lab, V, "two");
        lab_run(lab, V, "three");
        assert_revisions(lab, V, "1 2");
        forget_number(lab, i / 2);
        if (i % 2) {
            g_assert_true(rl_revision_delete(lab->pool, third, &error));
            g_assert_no_error(error);
        } else {
            make_file(import, "x");
            set_immutable(import, true);
            g_assert_false(rl_volume_delete(lab->pool, V, 0, &error));
            set_immutable(import, false);
            take_errno(error, EPERM, "private-import.img");
            error = NULL;
            assert_revisions(lab, V, "");
        }
        lab_run(lab, V, "four");
        g_autofree char *now = revisions(lab, V);
        g_assert_true(g_str_has_suffix(now, "4"));
        g_assert_true(rl_volume_delete(lab->pool, V, 0, &error));
        g_assert_no_error(error);
    }
}

void
add_tests(void)
{
    lab_add("/remains/leftovers-go", test_leftovers_go);
    lab_add("/remains/lost-image-refuses", test_lost_image_refuses);
    lab_add("/remains/moved-image-keeps-its-record", test_moved_image_keeps_its_record);
    lab_add("/remains/orphaned-label-refuses", test_orphaned_label_refuses);
    lab_add("/remains/numbers-stay", test_numbers_stay);
}
