/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* A clean image comes back from a backup with its attributes, as by cp -a or rsync -aX. */
#include "common/base/autofd.h"
#include "common/format/highest-note.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"
#include "common/operation/save.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#define V "web/data"

static void
shell(const char *format, const char *path)
{
    g_autofree char *command = g_strdup_printf(format, path);

    g_assert_cmpint(system(command), ==, 0);
}

static void
back_up(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    shell("cp -a --reflink=never '%1$s' '%1$s.backup'", clean);
}

/* Beside, and then in its place. With @text somebody has edited it since. */
static void
put_back(Lab *lab, const char *text)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    shell("cp -a --reflink=never '%1$s.backup' '%1$s.new' && mv '%1$s.new' '%1$s' && "
          "rm '%1$s.backup'",
          clean);
    if (!text)
        return;
    image_write(lab, V, RL_FILE_CLEAN, text);
    set_mtime(clean, time(NULL) - 60, 5);
}

static void
run_four(Lab *lab, int keep)
{
    lab_options(lab, keep);
    lab_create(lab, V, "v0", MIB);
    lab_run(lab, V, "v1");
    back_up(lab);
    lab_run(lab, V, "v2");
    lab_run(lab, V, "v3");
    lab_run(lab, V, "v4");
}

static void
test_number(Lab *lab)
{
    run_four(lab, 5);
    put_back(lab, "fixed");
    assert_revisions(lab, V, "1 2 3 4");
    lab_run(lab, V, "v6");
    assert_revisions(lab, V, "1 2 3 4 5");
    revision_is(lab, V, "5", "fixed");
}

/* With few to keep: what was just replaced is not the oldest by its number. */
static void
test_number_is_pruned(Lab *lab)
{
    run_four(lab, 2);
    put_back(lab, "fixed");
    lab_run(lab, V, "v6");
    assert_revisions(lab, V, "4 5");
    revision_is(lab, V, "5", "fixed");
}

/* Not even edited: its number was given already, and what had it is pruned. */
static void
test_number_is_given_once(Lab *lab)
{
    run_four(lab, 2);
    put_back(lab, NULL);
    lab_run(lab, V, "v6");
    assert_revisions(lab, V, "4 5");
    lab_run(lab, V, "v7");
    assert_revisions(lab, V, "5 6");
}

/* A direct volume's image stays one inode from run to run: what came with a copy is not believed
 * for that. */
static void
test_number_of_direct(Lab *lab)
{
    uint64_t highest;
    bool sure;

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "v0", MIB);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *file = rl_file_name_revision("data", 7, 1500000000);
    g_autofree char *revision = lab_path(lab, "web"),
                    *path = g_build_filename(revision, file, NULL);
    back_up(lab);
    put_back(lab, NULL);
    make_file(path, "seven");
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "v1");
    lab_stop(lab, V, &alice, RL_STOP_RETURNED);
    rl_autofd int fd = open(clean, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_highest_get(fd, &highest, &sure, NULL));
    g_assert_cmpuint(highest, ==, 7);
    g_assert_true(sure);
}

/* A pool of the version before: its images say no inode. The names tell, once. */
static void
test_number_of_old_pool(Lab *lab)
{
    uint64_t highest;
    bool sure;

    lab_create(lab, V, "v0", MIB);
    lab_run(lab, V, "v1");
    lab_run(lab, V, "v2");
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
        g_assert_true(rl_xattr_remove(fd, RL_ATTR_HIGHEST_OF, NULL));
        g_assert_true(rl_highest_get(fd, &highest, &sure, NULL));
        g_assert_cmpuint(highest, ==, 2);
        g_assert_false(sure);
    }
    lab_run(lab, V, "v3");
    assert_revisions(lab, V, "1 2 3");
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_highest_get(fd, &highest, &sure, NULL));
    g_assert_cmpuint(highest, ==, 3);
    g_assert_true(sure);
}

/* The backup is of an earlier run on the same inode: those that go come back. It was put back over
 * the file, some time after it was made. */
static void
test_number_in_place(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *inode = NULL;
    uint64_t highest;
    bool sure;

    lab_create(lab, V, "v0", MIB);
    lab_run(lab, V, "v1");
    lab_run(lab, V, "v2");
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
        g_assert_true(rl_inode_describe(fd, "", &inode, NULL));
        g_autofree char *noted =
            g_strdup_printf("%s %" G_GINT64_FORMAT, inode, g_get_real_time() - 10 * G_USEC_PER_SEC);
        g_assert_true(rl_xattr_set_number(fd, RL_ATTR_HIGHEST, 1, NULL));
        g_assert_true(rl_xattr_set(fd, RL_ATTR_HIGHEST_OF, noted, NULL));
        g_assert_true(rl_highest_get(fd, &highest, &sure, NULL));
        g_assert_false(sure);
    }
    lab_run(lab, V, "v3");
    assert_revisions(lab, V, "1 2 3");
    revision_is(lab, V, "2", "v1");
    /* An ordinary run does not change its clean image, so the next end need not look. */
    struct stat before = look(clean);
    lab_start(lab, V, &alice);
    struct stat after = look(clean);
    g_assert_cmpint(before.st_ctim.tv_sec, ==, after.st_ctim.tv_sec);
    g_assert_cmpint(before.st_ctim.tv_nsec, ==, after.st_ctim.tv_nsec);
}

/* Left by a crash. */
static void
leave(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "half");
    lab_crash(lab, V);
}

/* The id is the same, the content is not. */
static void
test_edited_under_leftover(Lab *lab)
{
    GError *error = NULL;

    leave(lab);
    back_up(lab);
    put_back(lab, "repaired");
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "another clean image");
    lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "another clean image");
    image_is(lab, V, RL_FILE_CLEAN, "repaired");
    image_is(lab, V, RL_FILE_DIRTY, "half");
    g_assert_true(rl_volume_continue(lab->pool, V, &error));
    lab_start(lab, V, &bob);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "half");
    revision_is(lab, V, "1", "repaired");
}

/* And in its place, of another size only: who edits can put the date back. */
static void
test_resized_under_run(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    struct timespec date = look(clean).st_mtim;
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "new");
    set_size(clean, MIB / 2);
    set_mtime(clean, date.tv_sec, date.tv_nsec);
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
    image_is(lab, V, RL_FILE_DIRTY, "new");
}

/* What was put back as it was is what it was made from. */
static void
test_same_under_leftover(Lab *lab)
{
    leave(lab);
    back_up(lab);
    put_back(lab, NULL);
    lab_start(lab, V, &bob);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "half");
}

/* A backup program has read it and put its date back, without the part of a second. */
static void
test_read_under_run(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    lab_run(lab, V, "v1");
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    set_mtime(clean, time(NULL) - 60, 123456789);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "v2");
    set_mtime(clean, look(clean).st_mtim.tv_sec, 0);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "v2");
}

/* A leftover of the version before says the id alone. */
static void
test_old_leftover(Lab *lab)
{
    leave(lab);
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_assert_true(rl_xattr_remove(fd, RL_ATTR_BASE_DATE, NULL));
    }
    image_write(lab, V, RL_FILE_CLEAN, "edited");
    lab_start(lab, V, &bob);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "half");
    revision_is(lab, V, "1", "edited");
}

void
add_tests(void)
{
    lab_add("/backup/number", test_number);
    lab_add("/backup/number-is-pruned", test_number_is_pruned);
    lab_add("/backup/number-is-given-once", test_number_is_given_once);
    lab_add("/backup/number-of-direct", test_number_of_direct);
    lab_add("/backup/number-of-old-pool", test_number_of_old_pool);
    lab_add("/backup/number-in-place", test_number_in_place);
    lab_add("/backup/edited-under-leftover", test_edited_under_leftover);
    lab_add("/backup/resized-under-run", test_resized_under_run);
    lab_add("/backup/same-under-leftover", test_same_under_leftover);
    lab_add("/backup/read-under-run", test_read_under_run);
    lab_add("/backup/old-leftover", test_old_leftover);
}
