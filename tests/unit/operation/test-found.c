/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* Dirty images as they may be found: without a word on whose they are, or with half of one. */
#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/fs/xattr.h"
#include "common/image/content.h"
#include "common/operation/delete.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/staged-image.h"
#include "common/operation/upload.h"
#include "harness/lab.h"
#include "harness/says.h"

#include <fcntl.h>
#include <string.h>

#define V "a/b/private"
#define DIRECT "db/main"
#define SNAPSHOT "a/b/root"

/* As alice's run left it, but nobody noted that. */
static void
find_image(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_image_owner_clear(fd, NULL));
}

static void
test_nobodys(Lab *lab)
{
    g_autoptr(RlStarted) started = g_new0(RlStarted, 1);
    GError *error = NULL;
    bool done = true;

    find_image(lab);
    g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, &error));
    g_assert_false(done);
    started->volume = g_strdup(V);
    g_assert_true(rl_volume_unstart(lab->pool, started, &alice, &error));
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_NOT_OWNED);
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* Somebody writes to it, and nobody knows who. */
static void
test_written_by_nobody(Lab *lab)
{
    GError *error = NULL;

    find_image(lab);
    rl_autofd int writer = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_false(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
    g_assert_false(rl_says(error->message, "domain"));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, V " & running");
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    g_assert_false(rl_says(error->message, "domain"));
    take_error(error, RL_ERROR_STATE, V " & running");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

static void
test_saved_by_nobody(Lab *lab)
{
    GError *error = NULL;

    find_image(lab);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_mark_set(fd, RL_MARK_SAVED, NULL));
    g_assert_false(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
    take_error(error, RL_ERROR_STATE, "saved & 'unknown'");
}

/* It is unwritten, but of another image: what it holds is not what the clean image does, and
 * neither takes the place of the other. */
static void
test_of_another_base(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_BASE, "another", NULL));
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
    assert_revisions(lab, V, "");
}

/* Smaller than anybody wanted it to be. */
static void
test_smaller_than_asked(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    GError *error = NULL;

    find_image(lab);
    g_assert_true(rl_volume_resize(lab->pool, V, MIB / 2, false, &error));
    set_size(dirty, MIB / 4);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "smaller");
    set_size(dirty, MIB / 2);
    lab_start(lab, V, &alice);
}

/* Without the clean image nobody knows what it was made from: a person decides by deleting. */
static void
test_orphan(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    GError *error = NULL;

    find_image(lab);
    g_assert_cmpint(unlink(clean), ==, 0);
    g_assert_false(rl_volume_continue(lab->pool, V, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "no clean");
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "'a/b/private' & only");
    g_assert_false(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "no clean");
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB);
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* A snapshot's image is not the only one: its source has it. */
static void
test_left_snapshot(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, SNAPSHOT, RL_KIND_SNAPSHOT, V, NULL, 0);
    lab_start(lab, SNAPSHOT, &alice);
    rl_autofd int fd = image_open(lab, SNAPSHOT, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_image_owner_clear(fd, NULL));
    rl_fd_close(&fd);
    g_assert_true(rl_volume_discard(lab->pool, SNAPSHOT, &error));
    g_assert_no_error(error);
    g_assert_false(image_is_there(lab, SNAPSHOT, RL_FILE_DIRTY));
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* What is running can neither be edited nor, if it is direct, be read. */
static void
test_not_at_rest(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, V, &alice);
    lab_start(lab, DIRECT, &alice);
    g_assert_null(rl_upload_begin(lab_pool(lab), V, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "running & 'alice'");
    g_assert_cmpint(rl_content_open(lab->pool, DIRECT, true, &error), ==, -1);
    take_error(error, RL_ERROR_STATE, "running");
}

static void
unstart(Lab *lab, const RlDomainRef *owner, bool source_goes)
{
    GError *error = NULL;
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, SNAPSHOT, owner, 0, &error);

    g_assert_no_error(error);
    if (source_goes)
        g_assert_true(rl_volume_delete(lab->pool, V, RL_DELETE_USED, &error));
    g_assert_true(rl_volume_unstart(lab->pool, started, owner, &error));
    g_assert_no_error(error);
    g_assert_false(image_is_there(lab, SNAPSHOT, RL_FILE_DIRTY));
}

/* A start that is put back leaves a precache only if it is certain that nobody wrote to it. */
static void
test_snapshot_that_did_not_start(Lab *lab)
{
    g_autofree char *precache = lab_file(lab, SNAPSHOT, RL_FILE_PRECACHE);

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, SNAPSHOT, RL_KIND_SNAPSHOT, V, NULL, 2 * MIB);
    unstart(lab, &alice, false);
    g_assert_false(is_there(precache));
    unstart(lab, &xen, false);
    g_assert_true(is_there(precache));
    g_assert_cmpint(unlink(precache), ==, 0);
    unstart(lab, &xen, true);
    g_assert_false(is_there(precache));
}

/* Somebody wrote to it, after all: then it is left for the next start. */
static void
test_written_although_it_did_not_start(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, V, &alice, 0, &error);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_volume_unstart(lab->pool, started, &alice, &error));
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_start(lab, V, &bob);
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* A domain waits for itself, but not for ever. */
static void
test_held_for_long(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_autofd int writer = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    gint64 before = g_get_monotonic_time();
    lab_start_fails(lab, V, &alice, RL_ERROR_BUSY, "'alice'");
    g_assert_cmpint(g_get_monotonic_time() - before, >, 2 * G_USEC_PER_SEC);
}

void
add_tests(void)
{
    lab_add_on("/found/nobodys", "xfs btrfs", test_nobodys);
    lab_add_on("/found/written-by-nobody", "xfs btrfs", test_written_by_nobody);
    lab_add_on("/found/saved-by-nobody", "xfs btrfs", test_saved_by_nobody);
    lab_add_on("/found/of-another-base", "xfs btrfs", test_of_another_base);
    lab_add_on("/found/smaller-than-asked", "xfs btrfs", test_smaller_than_asked);
    lab_add_on("/found/orphan", "xfs btrfs", test_orphan);
    lab_add_on("/found/left-snapshot", "xfs btrfs", test_left_snapshot);
    lab_add_on("/found/not-at-rest", "xfs btrfs", test_not_at_rest);
    lab_add_on("/found/snapshot-that-did-not-start", "xfs btrfs", test_snapshot_that_did_not_start);
    lab_add_on("/found/written-although-it-did-not-start", "xfs btrfs",
               test_written_although_it_did_not_start);
    lab_add_on("/found/held-for-long", "xfs", test_held_for_long);
}
