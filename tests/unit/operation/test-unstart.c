/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Starts that are put back, since their domain did not come to run. */
#include "common/operation/start.h"

#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "harness/lab.h"

#include <time.h>

#define V "a/b/private"

static void
unstart(Lab *lab, const RlStarted *started, const RlDomainRef *owner)
{
    g_autoptr(GError) error = NULL;
    bool done = rl_volume_unstart(lab->pool, started, owner, &error);

    g_assert_no_error(error);
    g_assert_true(done);
}

static void
test_unstart_of_all_kinds(Lab *lab)
{
    const char *const names[] = {"a/persistent", "a/snapshot", "a/volatile", "a/direct"};

    lab_create(lab, "a/persistent", "one", MIB);
    lab_create_kind(lab, "a/snapshot", RL_KIND_SNAPSHOT, "a/persistent", NULL, 0);
    lab_create_kind(lab, "a/volatile", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "a/direct", RL_KIND_DIRECT, NULL, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_true(rl_volume_maintain(lab->pool, names[i], false, NULL));
        g_autofree char *before = list_tree(lab->path);
        g_autoptr(RlStarted) started = lab_start_with(lab, names[i], &alice, 0);
        unstart(lab, started, &bob); /* not bob's to put back */
        g_assert_true(image_is_there(lab, names[i], RL_FILE_DIRTY));
        unstart(lab, started, &alice);
        g_assert_true(rl_volume_maintain(lab->pool, names[i], false, NULL));
        g_autofree char *after = list_tree(lab->path);
        g_assert_cmpstr(after, ==, before);
        g_assert_cmpint(lab_state(lab, names[i]), ==, RL_STATE_STOPPED);
        unstart(lab, started, &alice);
    }
    image_is(lab, "a/direct", RL_FILE_CLEAN, "one");
}

/* Somebody wrote, and the date was put back: no precache. Where nobody did, shared blocks tell;
 * where there are none the image is kept as it is. */
static void
test_unstart_in_doubt(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    set_mtime(clean, time(NULL) - 3600, 0);
    for (int written = 0; written < 2; written++) {
        g_autoptr(RlStarted) started = lab_start_with(lab, V, &alice, 0);
        if (written)
            image_write(lab, V, RL_FILE_DIRTY, "two");
        set_mtime(dirty, look(clean).st_mtim.tv_sec, 0);
        unstart(lab, started, &alice);
        bool kept = image_is_there(lab, V, RL_FILE_DIRTY);
        g_assert_true(kept == (written || !lab->reflinks));
        g_assert_true(kept != image_is_there(lab, V, RL_FILE_PRECACHE));
    }
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* libvirt had given the image to the device model of a domain that was to read it, and then refused
 * the disk: what that wrote is not the next run's, also if it put the date back. */
static void
test_unstart_of_a_reader(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    set_mtime(clean, time(NULL) - 3600, 1234567);
    {
        g_autoptr(RlStarted) started = lab_start_with(lab, V, &alice, RL_START_READONLY);
        unstart(lab, started, &alice);
        g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
    }
    {
        g_autoptr(RlStarted) started = lab_start_with(lab, V, &alice, RL_START_READONLY);
        struct stat made = look(dirty);
        image_write(lab, V, RL_FILE_DIRTY, "two");
        set_mtime(dirty, made.st_mtim.tv_sec, made.st_mtim.tv_nsec);
        unstart(lab, started, &alice);
        g_assert_false(image_is_there(lab, V, RL_FILE_PRECACHE));
        g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
    }
    g_autoptr(RlStarted) started = lab_start_with(lab, V, &alice, RL_START_READONLY);
    g_autoptr(GError) error = NULL;
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_false(rl_volume_unstart(lab->pool, started, &alice, &error));
    g_assert_error(error, RL_ERROR, RL_ERROR_STATE);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    g_autoptr(RlStarted) other = rl_volume_start(lab->pool, V, &bob, 0, NULL);
    g_assert_null(other);
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* What was left before is left again, as it was: the next start is not refused for it. */
static void
test_unstart_of_a_leftover(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_crash(lab, V);
    for (int i = 0; i < 2; i++) {
        g_autoptr(RlStarted) started = lab_start_with(lab, V, &bob, 0);
        g_assert_true(started->continued);
        g_assert_true(rl_image_owner_is_of(started->before, &alice));
        unstart(lab, started, &bob);
        g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
        image_is(lab, V, RL_FILE_DIRTY, "two");
    }
    lab_stop(lab, V, &bob, RL_STOP_NOT_OWNED);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

static void
test_unstart_keeps_the_mark(Lab *lab)
{
    bool done;

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, "a/root", &alice);
    image_write(lab, "a/root", RL_FILE_DIRTY, "mine");
    g_assert_true(rl_volume_keep(lab->pool, "a/root", &alice, &done, NULL));
    {
        g_autoptr(RlStarted) started = lab_start_with(lab, "a/root", &alice, 0);
        unstart(lab, started, &alice);
    }
    lab_start(lab, "a/root", &alice);
    image_is(lab, "a/root", RL_FILE_DIRTY, "mine");
}

void
add_tests(void)
{
    lab_add("/unstart/of-all-kinds", test_unstart_of_all_kinds);
    lab_add("/unstart/in-doubt", test_unstart_in_doubt);
    lab_add("/unstart/of-a-reader", test_unstart_of_a_reader);
    lab_add("/unstart/of-a-leftover", test_unstart_of_a_leftover);
    lab_add("/unstart/keeps-the-mark", test_unstart_keeps_the_mark);
}
