/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A guest that comes by a migration, and one that does not. */
#include "common/operation/arrival.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/fs/xattr.h"
#include "common/image/content.h"
#include "common/operation/save.h"
#include "common/pool/volume-state.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define V "a/b/private"
#define D "a/b/direct"

static void
arrive(Lab *lab, const char *name)
{
    g_autoptr(GError) error = NULL;
    RlStarted *started = rl_volume_start(lab->pool, name, &alice, RL_START_ARRIVING, &error);

    g_assert_no_error(error);
    rl_started_free(started);
    image_write(lab, name, RL_FILE_DIRTY, "half");
}

static void
break_off(Lab *lab, const char *name)
{
    g_autoptr(GError) error = NULL;
    bool done;

    g_assert_true(rl_volume_drop_arrival(lab->pool, name, &alice, &done, &error));
    g_assert_no_error(error);
    g_assert_true(done);
}

static void
assert_state(Lab *lab, const char *name, RlState wanted)
{
    g_assert_cmpint(lab_state(lab, name), ==, wanted);
}

/* What came is dropped; what was there before is there, as often as it is tried. */
static void
test_dropped(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    for (int i = 0; i < 3; i++) {
        arrive(lab, V);
        assert_state(lab, V, RL_STATE_RUNNING);
        break_off(lab, V);
        assert_state(lab, V, RL_STATE_STOPPED);
        image_is(lab, V, RL_FILE_CLEAN, "one");
        assert_revisions(lab, V, "");
    }
    lab_run(lab, V, "two");
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* The guest has run on it, whatever is noted elsewhere. */
static void
test_arrived_is_not_dropped(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    arrive(lab, V);
    g_assert_true(rl_volume_arrived(lab->pool, V, &alice, &error));
    g_assert_no_error(error);
    g_assert_true(rl_volume_drop_arrival(lab->pool, V, &alice, &done, &error));
    g_assert_no_error(error);
    g_assert_false(done);
    image_is(lab, V, RL_FILE_DIRTY, "half");
}

static void
test_dropped_kinds(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/b/snapshot", RL_KIND_SNAPSHOT, V, NULL, MIB);
    lab_create_kind(lab, "a/b/volatile", RL_KIND_VOLATILE, NULL, NULL, MIB);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "a/b/snapshot" : "a/b/volatile";
        arrive(lab, name);
        break_off(lab, name);
        g_assert_false(image_is_there(lab, name, RL_FILE_DIRTY));
    }
}

/* The guest has come: a run like any other. */
static void
test_arrived(Lab *lab)
{
    g_autoptr(GError) error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, D, RL_KIND_DIRECT, NULL, "one", MIB);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? D : V;
        arrive(lab, name);
        g_assert_true(rl_volume_arrived(lab->pool, name, &bob, &error));
        g_assert_no_error(error);
        g_assert_true(rl_volume_arrived(lab->pool, name, &alice, &error));
        g_assert_no_error(error);
        lab_stop(lab, name, &alice, i ? RL_STOP_RETURNED : RL_STOP_COMMITTED);
        image_is(lab, name, RL_FILE_CLEAN, "half");
    }
    g_assert_true(rl_volume_arrived(lab->pool, V, &alice, &error));
    g_assert_no_error(error);
}

/* Nobody knows whether it had come: no plain start goes on with it, and nobody commits it. */
static void
assert_refused(Lab *lab, const char *name)
{
    assert_state(lab, name, RL_STATE_SUSPECT);
    lab_start_fails(lab, name, &alice, RL_ERROR_STATE, "migration");
    lab_start_fails(lab, name, &bob, RL_ERROR_STATE, "migration");
    lab_stop(lab, name, NULL, RL_STOP_HELD);
    image_is(lab, name, RL_FILE_DIRTY, "half");
}

static void
test_host_crashes(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    arrive(lab, V);
    lab_crash(lab, V);
    assert_refused(lab, V);
    image_is(lab, V, RL_FILE_CLEAN, "one");
    /* The next migration writes over it, and it is a person's to drop. */
    arrive(lab, V);
    break_off(lab, V);
    assert_refused(lab, V);
    image_is(lab, V, RL_FILE_CLEAN, "one");
    arrive(lab, V);
    g_assert_true(rl_volume_arrived(lab->pool, V, &alice, NULL));
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "half");
}

static bool
refute(Lab *lab, const char *name, GError **error)
{
    return rl_volume_refute_arrival(lab->pool, name, &alice, error);
}

/* The migration that was announced had failed, and this is an ordinary start. */
static void
test_refuted(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    GError *refused = NULL;

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, D, RL_KIND_DIRECT, NULL, "one", MIB);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? D : V;
        arrive(lab, name);
        g_assert_true(refute(lab, name, &error));
        g_assert_no_error(error);
        g_assert_true(refute(lab, name, &error));
        lab_stop(lab, name, &alice, i ? RL_STOP_RETURNED : RL_STOP_COMMITTED);
        image_is(lab, name, RL_FILE_CLEAN, "half");

        arrive(lab, name);
        lab_crash(lab, name);
        arrive(lab, name);
        g_assert_false(refute(lab, name, &refused));
        take_error(refused, RL_ERROR_STATE, "aborted");
        refused = NULL;
        lab_stop(lab, name, &alice, RL_STOP_HELD);
        lab_crash(lab, name);
        assert_refused(lab, name);
    }
}

static bool
expect(Lab *lab, const char *name, GError **error)
{
    return rl_volume_expect_arrival(lab->pool, name, &alice, error);
}

/* The migration was not announced in time: the start was an ordinary one. */
static void
test_expected(Lab *lab)
{
    g_autoptr(GError) error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, D, RL_KIND_DIRECT, NULL, "one", MIB);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? D : V;
        lab_start(lab, name, &alice);
        g_assert_true(rl_volume_expect_arrival(lab->pool, name, &bob, &error));
        g_assert_no_error(error);
        g_assert_true(expect(lab, name, &error));
        g_assert_no_error(error);
        g_assert_true(expect(lab, name, &error));
        image_write(lab, name, RL_FILE_DIRTY, "half");
        lab_stop(lab, name, &alice, RL_STOP_HELD);
        lab_crash(lab, name);
        assert_refused(lab, name);
    }
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* Then what an earlier run has left is not written over. */
static void
test_not_expected(Lab *lab)
{
    GError *refused = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_crash(lab, V);
    lab_start(lab, V, &alice);
    g_assert_false(expect(lab, V, &refused));
    take_error(refused, RL_ERROR_STATE, "migration");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static void
test_unknown_end(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    arrive(lab, V);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, &error));
    g_assert_no_error(error);
    g_assert_false(done);
    assert_refused(lab, V);
    g_assert_true(rl_volume_discard(lab->pool, V, &error));
    g_assert_no_error(error);
    lab_run(lab, V, "two");
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* It has no other image. */
static void
test_direct(Lab *lab)
{
    g_autoptr(GError) error = NULL;

    lab_create_kind(lab, D, RL_KIND_DIRECT, NULL, "one", MIB);
    arrive(lab, D);
    break_off(lab, D);
    assert_refused(lab, D);
    arrive(lab, D);
    break_off(lab, D);
    assert_refused(lab, D);
    g_assert_true(rl_volume_continue(lab->pool, D, &error));
    g_assert_no_error(error);
    lab_start(lab, D, &alice);
    lab_stop(lab, D, &alice, RL_STOP_RETURNED);
    image_is(lab, D, RL_FILE_CLEAN, "half");
}

/* What an earlier run left must not be written over. */
static void
test_leftover(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "left");
    lab_crash(lab, V);
    g_assert_null(rl_volume_start(lab->pool, V, &alice, RL_START_ARRIVING, &error));
    take_error(error, RL_ERROR_STATE, "'a/b/private' & migration");
    image_is(lab, V, RL_FILE_DIRTY, "left");
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "left");
}

/* What came half is nothing that a restored domain's memory knows, of whichever kind. */
static void
test_not_restored(Lab *lab)
{
    const char *const names[] = {V, D, "a/b/snapshot"};

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, D, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_create_kind(lab, names[2], RL_KIND_SNAPSHOT, V, NULL, MIB);
    for (size_t i = G_N_ELEMENTS(names); i-- > 0;) {
        g_autoptr(GError) error = NULL;
        arrive(lab, names[i]);
        g_assert_true(rl_volume_announce_restore(lab->pool, names[i], &alice, &error));
        g_assert_null(rl_volume_start(lab->pool, names[i], &alice, RL_START_RESTORED, &error));
        g_assert_error(error, RL_ERROR, RL_ERROR_STATE);
        image_is(lab, names[i], RL_FILE_DIRTY, "half");
    }
}

/* What has come so far is no state of the volume: not while it comes, and not when it was broken
 * off.
 */
static void
assert_not_taken(Lab *lab, const char *name, bool live, const char *words)
{
    GError *error = NULL;

    g_assert_cmpint(rl_content_open(lab->pool, name, live, &error), ==, -1);
    take_error(error, RL_ERROR_STATE, words);
}

static void
test_not_taken(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    char text[5] = "";

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, D, RL_KIND_DIRECT, NULL, "one", MIB);
    for (int i = 0; i < 2; i++) {
        arrive(lab, V);
        assert_not_taken(lab, V, true, "migration & 'alice'");
        /* The last committed state is whole. */
        rl_autofd int clean = rl_content_open(lab->pool, V, false, &error);
        g_assert_no_error(error);
        g_assert_cmpint(pread(clean, text, 4, 0), ==, 4);
        g_assert_cmpstr(text, ==, "one");
        lab_crash(lab, V);
        assert_not_taken(lab, V, true, "aborted");
    }
    g_assert_true(rl_volume_continue(lab->pool, V, &error));
    rl_autofd int taken = rl_content_open(lab->pool, V, true, &error);
    g_assert_no_error(error);
    arrive(lab, D);
    assert_not_taken(lab, D, false, "running");
    lab_crash(lab, D);
    assert_not_taken(lab, D, false, "migration");
}

static void
test_taken_once_it_came(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    char text[5] = "";

    lab_create(lab, V, "one", MIB);
    arrive(lab, V);
    g_assert_true(rl_volume_arrived(lab->pool, V, &alice, &error));
    rl_autofd int fd = rl_content_open(lab->pool, V, true, &error);
    g_assert_no_error(error);
    g_assert_cmpint(pread(fd, text, 4, 0), ==, 4);
    g_assert_cmpstr(text, ==, "half");
}

/* Before its emulator was there: nothing came, and the image can be used again. */
static void
test_start_failed(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    RlStarted started = {.volume = (char *) D};

    lab_create_kind(lab, D, RL_KIND_DIRECT, NULL, "one", MIB);
    rl_started_free(rl_volume_start(lab->pool, D, &alice, RL_START_ARRIVING, &error));
    g_assert_no_error(error);
    g_assert_true(rl_volume_unstart(lab->pool, &started, &alice, &error));
    g_assert_no_error(error);
    lab_start(lab, D, &bob);
    lab_stop(lab, D, &bob, RL_STOP_RETURNED);
    image_is(lab, D, RL_FILE_CLEAN, "one");
}

/* A run that no migration began is the caller's to keep: a restore that never went on. */
static void
test_other_runs(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "saved");
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, &error));
    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_drop_arrival(lab->pool, V, &alice, &done, &error));
    g_assert_no_error(error);
    g_assert_false(done);
    image_is(lab, V, RL_FILE_DIRTY, "saved");
    g_assert_true(rl_volume_drop_arrival(lab->pool, V, &bob, &done, &error));
    g_assert_no_error(error);
    g_assert_true(done);
    image_is(lab, V, RL_FILE_DIRTY, "saved");

    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    GError *busy = NULL;
    g_assert_false(rl_volume_drop_arrival(lab->pool, V, &alice, &done, &busy));
    take_error(busy, RL_ERROR_BUSY, "dirty image open");
}

/* What only reads is not written over, and nothing is noted. */
static void
test_reader_expects_nothing(Lab *lab)
{
    g_autoptr(GError) error = NULL;

    lab_create(lab, V, "one", MIB);
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_READONLY));
    g_assert_true(expect(lab, V, &error));
    g_assert_no_error(error);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
    g_assert_false(run->arriving);
    lab_stop(lab, V, &alice, RL_STOP_DROPPED);
}

static void
set_arriving(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, name);

    run->arriving = true;
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
}

/* More than an image that was made for the migration is left to a person. */
static void
test_not_made_for_it(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *away = lab_path(lab, "a/b/away");

    lab_create(lab, V, "one", MIB);
    /* Its clean image is gone: it is the only one. */
    arrive(lab, V);
    g_assert_cmpint(rename(clean, away), ==, 0);
    break_off(lab, V);
    image_is(lab, V, RL_FILE_DIRTY, "half");
    g_assert_cmpint(rename(away, clean), ==, 0);
    assert_refused(lab, V);
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    /* It is marked. */
    arrive(lab, V);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_mark_set(fd, RL_MARK_SUSPECT, NULL));
    rl_fd_close(&fd);
    break_off(lab, V);
    image_is(lab, V, RL_FILE_DIRTY, "half");
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    /* It is only read. */
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_READONLY));
    set_arriving(lab, V);
    break_off(lab, V);
    g_assert_true(image_is_there(lab, V, RL_FILE_DIRTY));
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* It is below another domain's overlay. */
static void
test_below(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    arrive(lab, V);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_overlays_add(fd, &bob, NULL));
    rl_fd_close(&fd);
    break_off(lab, V);
    image_is(lab, V, RL_FILE_DIRTY, "half");
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "");
}

/* A volatile volume's is no half of anything. */
static void
test_refuted_volatile(Lab *lab)
{
    const char *const name = "a/b/volatile";
    g_autoptr(GError) error = NULL;
    bool done;

    lab_create_kind(lab, name, RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_start(lab, name, &alice);
    g_assert_true(rl_volume_keep(lab->pool, name, &alice, &done, NULL));
    lab_start(lab, name, &alice);
    set_arriving(lab, name);
    g_assert_true(refute(lab, name, &error));
    g_assert_no_error(error);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, name);
    g_assert_true(run->continued);
    g_assert_false(run->arriving);
}

void
add_tests(void)
{
    lab_add("/arrival/reader-expects-nothing", test_reader_expects_nothing);
    lab_add("/arrival/not-made-for-it", test_not_made_for_it);
    lab_add("/arrival/below", test_below);
    lab_add("/arrival/refuted-volatile", test_refuted_volatile);
    lab_add("/arrival/dropped", test_dropped);
    lab_add("/arrival/dropped-kinds", test_dropped_kinds);
    lab_add("/arrival/arrived-is-not-dropped", test_arrived_is_not_dropped);
    lab_add("/arrival/arrived", test_arrived);
    lab_add("/arrival/host-crashes", test_host_crashes);
    lab_add("/arrival/refuted", test_refuted);
    lab_add("/arrival/expected", test_expected);
    lab_add("/arrival/not-expected", test_not_expected);
    lab_add("/arrival/unknown-end", test_unknown_end);
    lab_add("/arrival/direct", test_direct);
    lab_add("/arrival/leftover", test_leftover);
    lab_add("/arrival/not-restored", test_not_restored);
    lab_add("/arrival/not-taken", test_not_taken);
    lab_add("/arrival/taken-once-it-came", test_taken_once_it_came);
    lab_add("/arrival/start-failed", test_start_failed);
    lab_add("/arrival/other-runs", test_other_runs);
}
