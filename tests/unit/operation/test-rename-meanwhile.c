/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What happens beside a renaming, or fails in it: the volume has one of its names, with all. */
#include "common/operation/rename.h"

#include "common/base/autofd.h"
#include "common/operation/delete.h"
#include "harness/disturb.h"
#include "harness/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define OLD "a/one"
#define NEW "b/two"

/* What renameat2(2) of the C library comes to without flags. */
#ifdef SYS_renameat
#define RENAMEAT SYS_renameat
#else
#define RENAMEAT 0
#endif

static const long calls[] = {SYS_fsync,  SYS_linkat,     SYS_renameat2, SYS_fsetxattr,
                             SYS_openat, SYS_getdents64, SYS_flock,     SYS_unlinkat};

ATTEMPT(rename_it, rl_volume_rename_to(lab->pool, OLD, NEW, error))

static void
create(Lab *lab)
{
    lab_options(lab, 9);
    lab_create(lab, OLD, "one", 1 * MIB);
    lab_run(lab, OLD, "two");
    staged_label(lab, OLD, "named");
}

static void
assert_whole(Lab *lab, const char *name)
{
    assert_revisions(lab, name, "1 named");
    image_is(lab, name, RL_FILE_CLEAN, "two");
    g_assert_cmpint(lab_state(lab, name), ==, RL_STATE_STOPPED);
}

/* The nth such call fails: if the volume has not its new name, typing the same gives it. */
static void
try_call(Lab *lab, Disturbance *one)
{
    g_autoptr(GError) error = NULL, again = NULL;
    GError *back = NULL;

    bool done = disturb(lab, one, rename_it, &error);
    g_assert_cmpint(done, ==, error == NULL);
    g_assert_true(done || image_is_there(lab, OLD, RL_FILE_CLEAN) !=
                              image_is_there(lab, NEW, RL_FILE_CLEAN));
    if (!done && !rename_it(lab, &again))
        g_assert_error(again, RL_ERROR, RL_ERROR_NOT_FOUND); /* there was nothing left to do */
    assert_whole(lab, NEW);
    g_autofree char *dir = lab_path(lab, "a"), *left = is_there(dir) ? list(dir) : g_strdup("");
    /* A temporary file may be left to the next sweep, but nothing that is the volume's. */
    g_assert_null(strchr(left, '@'));
    g_assert_false(image_is_there(lab, OLD, RL_FILE_CLEAN));
    g_assert_true(rl_volume_rename_to(lab->pool, NEW, OLD, &back));
    g_assert_no_error(back);
}

static void
each_call(Lab *lab, void (*try)(Lab *lab, Disturbance *one))
{
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        Disturbance one = {.nr = calls[i], .count = 1, .code = EIO};
        if (one.nr == SYS_renameat2)
            one.also = RENAMEAT;
        for (one.first = 1;; one.first++) {
            try(lab, &one);
            if (one.made < one.first)
                break;
        }
    }
}

static void
test_calls(Lab *lab)
{
    create(lab);
    each_call(lab, try_call);
}

/* A power cut left both names of all that the volume has: see rename.c. */
static void
try_twice(Lab *lab, Disturbance *one)
{
    g_autofree char *old = lab_path(lab, "a"), *new = lab_path(lab, "b"), *names = list(new);
    g_auto(GStrv) words = g_strsplit(names, " ", -1);
    g_autoptr(GError) error = NULL, again = NULL;

    g_assert_cmpint(g_mkdir_with_parents(old, 0755), ==, 0);
    for (guint i = 0; words[i]; i++) {
        g_autofree char *is = g_build_filename(new, words[i], NULL);
        g_autofree char *was = g_strconcat(old, "/one", words[i] + strlen("two"), NULL);
        if (g_str_has_prefix(words[i], "two"))
            link(is, was);
    }
    bool done = disturb(lab, one, rename_it, &error);
    g_assert_cmpint(done, ==, error == NULL);
    assert_whole(lab, NEW);
    if (!done && !rename_it(lab, &again))
        g_assert_error(again, RL_ERROR, RL_ERROR_NOT_FOUND); /* there was nothing left to do */
    assert_whole(lab, NEW);
    g_assert_false(image_is_there(lab, OLD, RL_FILE_CLEAN));
    g_autofree char *label = lab_path(lab, "a/one.img@named");
    g_assert_false(is_there(label));
}

static void
test_twice(Lab *lab)
{
    create(lab);
    g_assert_true(rename_it(lab, NULL));
    each_call(lab, try_twice);
}

/* A direct volume has its data in its only image, and a record. */
static void
try_direct(Lab *lab, Disturbance *one)
{
    g_autoptr(GError) error = NULL, again = NULL;

    bool done = disturb(lab, one, rename_it, &error);
    g_assert_cmpint(done, ==, error == NULL);
    if (!done && !rename_it(lab, &again))
        g_assert_error(again, RL_ERROR, RL_ERROR_NOT_FOUND); /* there was nothing left to do */
    lab_start(lab, NEW, &alice);
    image_is(lab, NEW, RL_FILE_DIRTY, "direct");
    lab_stop(lab, NEW, &alice, RL_STOP_RETURNED);
    g_assert_true(rl_volume_rename_to(lab->pool, NEW, OLD, NULL));
}

static void
test_direct(Lab *lab)
{
    lab_create_kind(lab, OLD, RL_KIND_DIRECT, NULL, "direct", 1 * MIB);
    each_call(lab, try_direct);
}

/* All such calls before the lock is had find it as it is; then @before happens. */
static void
refuse_after(Lab *lab, int (*before)(Lab *lab), int code, const char *words)
{
    Disturbance lock = {.nr = SYS_flock, .first = 1, .count = 1, .before = before};
    GError *error = NULL;

    g_assert_false(disturb(lab, &lock, rename_it, &error));
    take_error(error, code, words);
}

static int
start(Lab *lab)
{
    lab_start(lab, OLD, &alice);
    return 0;
}

static int
crash(Lab *lab)
{
    lab_start(lab, OLD, &alice);
    image_write(lab, OLD, RL_FILE_DIRTY, "left");
    lab_crash(lab, OLD);
    return 0;
}

static int
create_new(Lab *lab)
{
    lab_create(lab, NEW, "other", 1 * MIB);
    return 0;
}

static int
delete_old(Lab *lab)
{
    GError *error = NULL;

    g_assert_true(rl_volume_delete(lab->pool, OLD, RL_DELETE_NAMED, &error));
    g_assert_no_error(error);
    return 0;
}

/* Between the first look and the locks the volume is started, or left, or the new name given away,
 * or the volume deleted. */
static void
test_started(Lab *lab)
{
    create(lab);
    refuse_after(lab, start, RL_ERROR_STATE, "'a/one' & 'alice'");
    g_assert_cmpint(lab_state(lab, OLD), ==, RL_STATE_RUNNING);
    image_is(lab, OLD, RL_FILE_CLEAN, "two");
    assert_revisions(lab, OLD, "1 named");
}

static void
test_left(Lab *lab)
{
    create(lab);
    refuse_after(lab, crash, RL_ERROR_STATE, "'a/one'");
    image_is(lab, OLD, RL_FILE_DIRTY, "left");
    image_is(lab, OLD, RL_FILE_CLEAN, "two");
    assert_revisions(lab, OLD, "1 named");
}

static void
test_given_away(Lab *lab)
{
    create(lab);
    refuse_after(lab, create_new, RL_ERROR_EXISTS, "'b/two'");
    assert_whole(lab, OLD);
    image_is(lab, NEW, RL_FILE_CLEAN, "other");
    delete_old(lab);
    create(lab);
    g_assert_true(rl_volume_delete(lab->pool, NEW, RL_DELETE_NAMED, NULL));
    refuse_after(lab, delete_old, RL_ERROR_NOT_FOUND, "'a/one'");
    g_assert_false(image_is_there(lab, NEW, RL_FILE_CLEAN));
}

static int
remove_directory(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "b");

    g_assert_cmpint(rmdir(dir), ==, 0);
    return 0;
}

/* The new directory goes while it is empty. */
static void
test_no_directory(Lab *lab)
{
    Disturbance lock = {.nr = SYS_flock, .first = 1, .count = 1, .before = remove_directory};
    GError *error = NULL;

    create(lab);
    bool done = disturb(lab, &lock, rename_it, &error);
    g_assert_cmpint(done, ==, error == NULL);
    g_clear_error(&error);
    assert_whole(lab, done ? NEW : OLD);
}

/* Someone reads a revision; what is there by the new name is more than a renaming leaves. */
static void
test_in_the_way(Lab *lab)
{
    create(lab);
    {
        g_autofree char *path = revision_path(lab, OLD, "named");
        rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
        lab_rename_fails(lab, OLD, "a/two", RL_ERROR_BUSY, "'a/one'");
    }
    lab_rename_fails(lab, "a//one", "a/two", RL_ERROR_NAME, "a//one");
    g_autofree char *label = lab_path(lab, "a/one.img@named");
    g_autofree char *linked = lab_path(lab, "a/new.img@named");
    g_autofree char *precache = lab_path(lab, "a/new-precache.img");
    g_assert_cmpint(link(label, linked), ==, 0);
    make_file(precache, "x");
    lab_rename_fails(lab, OLD, "a/new", RL_ERROR_STATE, "a/new");
    g_assert_cmpint(unlink(precache) | unlink(linked), ==, 0);
    assert_whole(lab, OLD);

    /* Both names, and something was written by the new one. */
    g_autofree char *clean = lab_file(lab, OLD, RL_FILE_CLEAN);
    g_autofree char *twice = lab_path(lab, "a/new.img");
    g_autofree char *dirty = lab_path(lab, "a/new-dirty.img");
    g_assert_cmpint(link(clean, twice), ==, 0);
    make_file(dirty, "x");
    lab_rename_fails(lab, OLD, "a/new", RL_ERROR_EXISTS, "a/new");
}

static void
test_two_snapshots(Lab *lab)
{
    create(lab);
    lab_create_kind(lab, "s/first", RL_KIND_SNAPSHOT, OLD, NULL, 0);
    lab_rename_fails(lab, OLD, "a/two", RL_ERROR_STATE,
                     "snapshot volume 's/first', which names it");
    lab_create_kind(lab, "s/second", RL_KIND_SNAPSHOT, OLD, NULL, 0);
    lab_rename_fails(lab, OLD, "a/two", RL_ERROR_STATE,
                     "volumes 's/first' & 's/second' & which name it");
}

static int
unlink_label(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, NEW, RL_FILE_CLEAN);
    g_autofree char *label = lab_path(lab, "b/two.img@named");

    if (is_there(clean) && is_there(label))
        g_assert_cmpint(unlink(label), ==, 0);
    return 0;
}

/* The volume has its new name, a revision lost it again: that stays by the former one. */
static void
test_not_linked(Lab *lab)
{
    Disturbance sync = {.nr = SYS_fsync, .first = 1, .before = unlink_label};
    g_autofree char *label = lab_path(lab, "a/one.img@named");
    GError *error = NULL;

    create(lab);
    g_assert_false(disturb(lab, &sync, rename_it, &error));
    take_error(error, RL_ERROR_STATE, "'a/one' & 'b/two' & 'one.img@named' & the former one");
    g_assert_true(is_there(label));
    image_is(lab, NEW, RL_FILE_CLEAN, "two");
}

void
add_tests(void)
{
    lab_add("/rename-meanwhile/calls", test_calls);
    lab_add("/rename-meanwhile/twice", test_twice);
    lab_add("/rename-meanwhile/direct", test_direct);
    lab_add("/rename-meanwhile/started", test_started);
    lab_add("/rename-meanwhile/left", test_left);
    lab_add("/rename-meanwhile/given-away", test_given_away);
    lab_add("/rename-meanwhile/no-directory", test_no_directory);
    lab_add("/rename-meanwhile/in-the-way", test_in_the_way);
    lab_add("/rename-meanwhile/two-snapshots", test_two_snapshots);
    lab_add("/rename-meanwhile/not-linked", test_not_linked);
}
