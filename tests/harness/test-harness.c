/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* The model tells states apart, and its checker finds what is wrong. */
#include "model.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define SIZE (64 * KIB)
#define V "vm/private"

static void
make(Lab *lab)
{
    GError *error = NULL;

    g_assert_true(rl_model_create(lab->path, V, RL_KIND_PERSISTENT, NULL, 1, SIZE, &error));
    g_assert_true(rl_model_create(lab->path, "vm/root", RL_KIND_SNAPSHOT, V, 0, SIZE, &error));
    g_assert_no_error(error);
}

/* One run that makes it @tag. */
static void
run(Lab *lab, uint64_t tag)
{
    GError *error = NULL;

    lab_start(lab, V, &alice);
    g_assert_true(rl_model_fill(lab->pool, V, tag, &error));
    g_assert_no_error(error);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

static void
is_described(Lab *lab, const char *wanted)
{
    GError *error = NULL;
    g_autofree char *text = rl_model_describe(lab->pool, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, wanted);
}

static void
is_wrong(Lab *lab, const char *words)
{
    GError *error = NULL;

    g_assert_false(rl_model_check(lab->pool, 0, &error));
    take_error(error, RL_ERROR_INVALID, words);
}

static void
test_states(Lab *lab)
{
    GError *error = NULL;

    make(lab);
    is_described(lab, "vm/private persistent stopped size=65536 clean=1/65536 dirty=none\n"
                      "vm/root snapshot stopped size=65536 clean=none dirty=none\n");
    run(lab, 2);
    lab_start(lab, "vm/root", &alice);
    lab_start(lab, V, &bob);
    g_assert_true(rl_model_fill(lab->pool, V, 0, &error));
    is_described(lab, "vm/private persistent running size=65536 clean=2/65536 dirty=0/65536\n"
                      "vm/private@1 1/65536\n"
                      "vm/root snapshot running size=65536 clean=none dirty=2/65536\n");
    g_assert_true(rl_model_check(lab->pool, 0, &error));
    g_assert_no_error(error);
}

static void
test_torn(Lab *lab)
{
    make(lab);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    g_assert_true(rl_model_write_block(fd, SIZE, 2, 5, NULL));
    is_wrong(lab, "block 5 is tag 2");
    is_described(lab, "vm/private persistent stopped size=65536 clean=torn/65536 dirty=none\n"
                      "vm/root snapshot stopped size=65536 clean=none dirty=none\n");
    g_assert_true(rl_model_write(fd, SIZE, 2, NULL));
    g_assert_cmpint(pwrite(fd, "x", 1, 2 * RL_MODEL_BLOCK + 100), ==, 1);
    is_wrong(lab, "block 2");
    g_assert_true(rl_model_write(fd, SIZE, 0, NULL));
    g_assert_true(rl_model_check(lab->pool, 0, NULL));
    g_assert_true(rl_model_write_block(fd, SIZE, 2, 5, NULL));
    is_wrong(lab, "block 5");
}

static void
test_revisions(Lab *lab)
{
    make(lab);
    run(lab, 2);
    run(lab, 3);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *first = revision_path(lab, V, "1"),
                    *doubled = lab_path(lab, "vm/private.img.2@2018-01-02T03:04:05Z"),
                    *linked = lab_path(lab, "vm/private.img.7@2018-01-02T03:04:05Z");
    g_assert_true(rl_model_check(lab->pool, 0, NULL));
    g_assert_cmpint(link(first, doubled), ==, 0);
    is_wrong(lab, "it is another revision, too");
    g_assert_cmpint(unlink(doubled), ==, 0);
    rl_autofd int fd = open(doubled, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    g_assert_true(rl_model_write(fd, SIZE, 2, NULL));
    is_wrong(lab, "another revision has its number");
    g_assert_cmpint(rename(doubled, linked), ==, 0);
    is_wrong(lab, "a revision has a higher number than it knows");
    g_assert_cmpint(unlink(linked), ==, 0);
    g_assert_cmpint(link(clean, linked), ==, 0);
    g_assert_true(rl_model_check(lab->pool, 0, NULL));
    is_described(lab, "vm/private persistent stopped size=65536 clean=3/65536 dirty=none\n"
                      "vm/private@1 1/65536\n"
                      "vm/private@2 2/65536\n"
                      "vm/private@7 3/65536 is-clean\n"
                      "vm/root snapshot stopped size=65536 clean=none dirty=none\n");
}

static void
test_attributes(Lab *lab)
{
    g_autofree char *id = NULL;

    make(lab);
    run(lab, 2);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_SAVE_FILE, "x", NULL));
    is_wrong(lab, "only a dirty image");
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_SAVE_FILE, NULL));
    g_autofree char *first = revision_path(lab, V, "1");
    rl_autofd int revision = open(first, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_xattr_get(fd, RL_ATTR_ID, &id, NULL));
    g_assert_true(rl_xattr_set(revision, RL_ATTR_ID, id, NULL));
    is_wrong(lab, "another image has its id");
}

static void
test_leftovers(Lab *lab)
{
    GError *error = NULL;
    g_autofree char *temp = lab_path(lab, "vm/private.img~0123ab"),
                    *strange = lab_path(lab, "vm/strange"), *empty = lab_path(lab, "vm/a/b");

    make(lab);
    g_autoptr(GPtrArray) none = rl_model_leftovers(lab->pool, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(none->len, ==, 0);
    make_file(temp, "");
    g_assert_cmpint(g_mkdir_with_parents(empty, 0755), ==, 0);
    g_autoptr(GPtrArray) some = rl_model_leftovers(lab->pool, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(some->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(some, 0), ==, "vm/a/b/");
    g_assert_cmpstr(g_ptr_array_index(some, 1), ==, "vm/private.img~0123ab");
    g_assert_true(rl_model_check(lab->pool, 0, &error));
    make_file(strange, "");
    is_wrong(lab, "nothing of ours");
}

void
add_tests(void)
{
    lab_add_on("/model/states", "xfs btrfs", test_states);
    lab_add_on("/model/torn", "xfs btrfs", test_torn);
    lab_add_on("/model/revisions", "xfs btrfs", test_revisions);
    lab_add_on("/model/attributes", "xfs btrfs", test_attributes);
    lab_add_on("/model/leftovers", "xfs btrfs", test_leftovers);
}
