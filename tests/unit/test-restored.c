/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What a restored domain goes on with is what it was before: read-only stays read-only, and what
 * was there before the restore is not that run's to end. */
#include "common/fd.h"
#include "common/hold.h"
#include "common/keep.h"
#include "testing.h"

#include <fcntl.h>

#define V "a/b/private"

static RlRun *
run_of(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    RlRun *run = NULL;

    g_assert_true(rl_run_get(fd, &run, NULL));
    g_assert_nonnull(run);
    return run;
}

static void
set_hold(Lab *lab, const char *name, RlHold hold)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);

    g_assert_true(hold == RL_HOLD_NONE ? rl_hold_clear(fd, NULL) : rl_hold_set(fd, hold, NULL));
}

static void
save(Lab *lab, const char *name)
{
    bool done = false;

    g_assert_true(rl_volume_save(lab->pool, name, &alice, NULL, &done, NULL));
    g_assert_true(done);
}

/* Announces the restore of alice and starts @name for it, as the hook does. */
static RlStarted *
restore(Lab *lab, const char *name, RlStartFlags flags, GError **error)
{
    g_assert_true(rl_volume_announce_restore(lab->pool, name, &alice, NULL));
    return rl_volume_start(lab->pool, name, &alice, flags | RL_START_RESTORED, error);
}

static void
restore_well(Lab *lab, const char *name, RlStartFlags flags)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlStarted) started = restore(lab, name, flags, &error);

    g_assert_no_error(error);
    g_assert_true(started->continued);
}

static void
test_readonly_stays_readonly(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    {
        g_autoptr(RlStarted) started =
            rl_volume_start(lab->pool, V, &alice, RL_START_READONLY, NULL);
        g_assert_nonnull(started);
    }
    for (int i = 0; i < 2; i++) {
        save(lab, V);
        restore_well(lab, V, RL_START_READONLY);
        g_autoptr(RlRun) run = run_of(lab, V);
        g_assert_true(run->readonly);
        g_assert_true(run->continued);
    }
    /* Whatever somebody does to it: what a domain only reads is never committed. */
    image_write(lab, V, RL_FILE_DIRTY, "never");
    lab_stop(lab, V, &alice, RL_STOP_DROPPED);
    image_is(lab, V, RL_FILE_CLEAN, "one");
    assert_revisions(lab, V, "");
}

static void
test_written_stays_written(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    save(lab, V);
    restore_well(lab, V, 0);
    g_autoptr(RlRun) run = run_of(lab, V);
    g_assert_false(run->readonly);
    g_assert_true(run->continued);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* Whoever was to mark the image may have been killed: a snapshot's is dropped by a plain start, and
 * gone on with by a restore. */
static void
test_restore_needs_no_mark(Lab *lab)
{
    const RlHold holds[] = {RL_HOLD_NONE, RL_HOLD_SAVED, RL_HOLD_RESTORED, RL_HOLD_KEPT};

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(holds); i++) {
        lab_start(lab, "a/root", &alice);
        image_write(lab, "a/root", RL_FILE_DIRTY, "mine");
        set_hold(lab, "a/root", holds[i]);
        restore_well(lab, "a/root", 0);
        image_is(lab, "a/root", RL_FILE_DIRTY, "mine");
        lab_stop(lab, "a/root", &alice, RL_STOP_DROPPED);
    }
}

static void
test_restore_of_suspect_is_refused(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    set_hold(lab, V, RL_HOLD_SUSPECT);
    g_assert_null(restore(lab, V, 0, &error));
    take_error(error, RL_ERROR_STATE, "suspect");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    lab_add("/restored/readonly-stays-readonly", test_readonly_stays_readonly);
    lab_add("/restored/written-stays-written", test_written_stays_written);
    lab_add("/restored/restore-needs-no-mark", test_restore_needs_no_mark);
    lab_add("/restored/restore-of-suspect-is-refused", test_restore_of_suspect_is_refused);
    return g_test_run();
}
