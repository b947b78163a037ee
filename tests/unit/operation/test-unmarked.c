/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* It is noted in /run that the domain of a run was saved, or that it is unknown how the run ended;
 * but the image says nothing of that, since the end was cut off. */
#include "common/format/image-save.h"
#include "common/format/unmarked-run.h"

#include "common/base/autofd.h"
#include "common/base/boot.h"
#include "common/base/error.h"
#include "common/base/paths.h"
#include "common/format/image-mark.h"
#include "common/format/image-save.h"
#include "common/operation/claim.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/pool/volume-state.h"
#include "harness/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define V "a/b/private"
#define SNAPSHOT "a/snapshot"
#define OTHER_BOOT "00000000-0000-4000-8000-000000000000"

static char *
note_path(void)
{
    return g_strdup_printf(RL_LOCK_DIR "/" RL_UNMARKED_NAME "-%s-%s", alice.driver, alice.uuid);
}

static void
note_text(const char *text)
{
    g_autofree char *path = note_path();

    make_file(path, text);
}

/* Notes that a run of alice's ended at @until_us of the boot @boot, NULL for this one. */
static void
note(const char *ending, const char *boot, gint64 until_us)
{
    g_autofree char *here = rl_boot_id(NULL);
    g_autofree char *text =
        g_strdup_printf("[run]\nboot=%s\nending=%s\nuntil=%" G_GINT64_FORMAT "\n",
                        boot ? boot : here, ending, until_us);

    note_text(text);
}

static void
forget(void)
{
    g_autofree char *path = note_path();

    unlink(path);
}

static RlState
state_of(Lab *lab, const char *name)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, name, NULL);
    GError *error = NULL;
    RlState state;

    g_assert_true(rl_state_get(volume, &state, NULL, &error));
    g_assert_no_error(error);
    return state;
}

/* The mark that is on the image itself. */
static RlMark
mark_on(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    RlMark mark;

    g_assert_true(rl_mark_get(fd, &mark, NULL));
    return mark;
}

static void
begin(Lab *lab)
{
    lab_create(lab, V, "old", MIB);
    lab_create_kind(lab, SNAPSHOT, RL_KIND_SNAPSHOT, V, NULL, MIB);
    lab_start(lab, V, &alice);
    lab_start(lab, SNAPSHOT, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "alice's");
    image_write(lab, SNAPSHOT, RL_FILE_DIRTY, "alice's");
}

/* The run began so long ago that nobody waits for who may be about to open its image. */
static void
age(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = NULL;

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    g_assert_true(rl_image_owner_leave(fd, run, NULL));
}

static void
mark_ended(Lab *lab, const char *name, const RlDomainRef *owner)
{
    GError *error = NULL;

    g_assert_true(rl_volume_mark_ended(lab->pool, name, owner, false, &error));
    g_assert_no_error(error);
}

/* As if the image said so: no domain gets it, and no command changes it. */
static void
test_saved(Lab *lab)
{
    const char *const volumes[] = {V, SNAPSHOT};
    const RlClaim claim = {.to = &bob};
    GError *error = NULL;
    bool done;

    begin(lab);
    note("saved", NULL, rl_boot_clock_us());
    for (size_t i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_assert_cmpint(state_of(lab, volumes[i]), ==, RL_STATE_SAVED);
        lab_start_fails(lab, volumes[i], &alice, RL_ERROR_STATE, "is saved on it & continue");
        lab_start_fails(lab, volumes[i], &bob, RL_ERROR_STATE, "is saved on it & continue");
        lab_stop(lab, volumes[i], NULL, RL_STOP_HELD);
        g_assert_true(rl_volume_claim(lab->pool, volumes[i], &claim, &done, &error));
        g_assert_false(done);
        image_is(lab, volumes[i], RL_FILE_DIRTY, "alice's");
        g_assert_cmpint(mark_on(lab, volumes[i]), ==, RL_MARK_NONE);
        /* Another domain's is none of it. */
        mark_ended(lab, volumes[i], &bob);
        g_assert_cmpint(mark_on(lab, volumes[i]), ==, RL_MARK_NONE);
        mark_ended(lab, volumes[i], &alice);
        g_assert_cmpint(mark_on(lab, volumes[i]), ==, RL_MARK_SAVED);
    }
    forget();
    g_assert_cmpint(state_of(lab, V), ==, RL_STATE_SAVED);
}

/* The end itself is not held up by what it has noted. */
static void
test_end_marks(Lab *lab)
{
    const RlMemory memory = {.save = (char *) "0123"};
    RlDomainRef saved = alice;
    bool done;

    begin(lab);
    saved.memory = &memory;
    note("saved", NULL, rl_boot_clock_us());
    g_assert_true(rl_volume_save(lab->pool, V, &saved, &done, NULL));
    g_assert_true(done);
    note("unknown", NULL, rl_boot_clock_us());
    g_assert_true(rl_volume_keep(lab->pool, SNAPSHOT, &alice, &done, NULL));
    g_assert_true(done);
    forget();
    g_assert_cmpint(mark_on(lab, V), ==, RL_MARK_SAVED);
    g_assert_cmpint(mark_on(lab, SNAPSHOT), ==, RL_MARK_KEPT);
}

/* A restore goes on with it, and that is another run. */
static void
test_restore(Lab *lab)
{
    GError *error = NULL;

    begin(lab);
    note("saved", NULL, rl_boot_clock_us());
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, &error));
    rl_started_free(rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error));
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_DIRTY, "alice's");
    g_assert_true(rl_volume_confirm(lab->pool, V, &alice, &error));
    g_assert_cmpint(state_of(lab, V), ==, RL_STATE_RUNNING);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "alice's");
    forget();
}

/* The end of a restore that failed could not be marked: the image is part of the save of before. */
static void
test_failed_restore(Lab *lab)
{
    const RlMemory memory = {.save = (char *) "monday", .digest = (char *) "digest"};
    RlDomainRef owner = alice;
    g_autoptr(RlSave) save = NULL;
    bool done;

    owner.memory = &memory;
    begin(lab);
    g_assert_true(rl_volume_save(lab->pool, V, &owner, &done, NULL) && done);
    for (int i = 0; i < 2; i++) {
        GError *error = NULL;
        g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, &error));
        rl_started_free(rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error));
        g_assert_no_error(error);
        g_assert_cmpint(mark_on(lab, V), ==, RL_MARK_RESTORED);
        note("saved", NULL, rl_boot_clock_us());
        g_assert_cmpint(state_of(lab, V), ==, RL_STATE_SAVED);
        mark_ended(lab, V, &alice);
        g_assert_cmpint(mark_on(lab, V), ==, RL_MARK_SAVED);
        forget();
    }
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_save_get(fd, &save, NULL));
    g_assert_cmpstr(save->id, ==, "monday");
    g_assert_cmpstr(save->memory, ==, "digest");
}

/* The domain itself goes on with what it may need, no other one gets it. */
static void
test_unknown(Lab *lab)
{
    begin(lab);
    age(lab, SNAPSHOT);
    note("unknown", NULL, rl_boot_clock_us());
    lab_start_fails(lab, SNAPSHOT, &bob, RL_ERROR_STATE, "kept for domain & how the run");
    image_is(lab, SNAPSHOT, RL_FILE_DIRTY, "alice's");
    lab_start(lab, SNAPSHOT, &alice);
    image_is(lab, SNAPSHOT, RL_FILE_DIRTY, "alice's");
    forget();
}

/* An administrator decides as of any other. */
static void
test_decided(Lab *lab)
{
    GError *error = NULL;

    begin(lab);
    note("saved", NULL, rl_boot_clock_us());
    g_assert_true(rl_volume_continue(lab->pool, V, &error));
    g_assert_true(rl_volume_discard(lab->pool, SNAPSHOT, &error));
    g_assert_no_error(error);
    g_assert_cmpint(state_of(lab, V), ==, RL_STATE_LEFT);
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "alice's");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    forget();
}

/* A note of another run, or of another boot, is none; what cannot be read is one. */
static void
test_other_runs(Lab *lab)
{
    gint64 before_us = rl_boot_clock_us();

    begin(lab);
    note("saved", NULL, before_us - 1);
    g_assert_cmpint(state_of(lab, V), ==, RL_STATE_RUNNING);
    note("saved", OTHER_BOOT, G_MAXINT64);
    g_assert_cmpint(state_of(lab, V), ==, RL_STATE_RUNNING);
    note_text("");
    g_assert_cmpint(state_of(lab, V), ==, RL_STATE_SAVED);
    forget();
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

/* A note that cannot be read is no note that is not there; and what an attribute says that is
 * damaged is no name of a file. */
static void
test_unreadable(Lab *lab)
{
    g_autofree char *path = note_path(), *boot = rl_boot_id(NULL);
    RlImageOwner run = {.driver = (char *) alice.driver,
                        .uuid = (char *) alice.uuid,
                        .boot_id = boot,
                        .since_us = 1};
    RlUnmarked ended;
    GError *error = NULL;

    (void) lab;
    forget();
    g_assert_no_errno(mkdir(path, 0700));
    g_assert_false(rl_unmarked_run_get(&run, &ended, &error));
    g_assert_true(rl_error_is_errno(error, EISDIR));
    g_clear_error(&error);
    g_assert_no_errno(rmdir(path));
    g_assert_no_errno(symlink("elsewhere", path));
    g_assert_false(rl_unmarked_run_get(&run, &ended, &error));
    g_assert_true(rl_error_is_errno(error, ELOOP));
    g_clear_error(&error);
    forget();
    note_text("");
    g_assert_true(rl_unmarked_run_get(&run, &ended, &error));
    g_assert_cmpint(ended, ==, RL_UNMARKED_IS_SAVED);
    /* It ended before that run began. */
    note("saved", NULL, 0);
    g_assert_true(rl_unmarked_run_get(&run, &ended, &error));
    g_assert_cmpint(ended, ==, RL_UNMARKED_NOT);
    run.driver = "../qemu";
    g_assert_true(rl_unmarked_run_get(&run, &ended, &error));
    g_assert_cmpint(ended, ==, RL_UNMARKED_NOT);
    run.driver = (char *) alice.driver;
    run.uuid = "../"
               "x";
    g_assert_true(rl_unmarked_run_get(&run, &ended, &error));
    g_assert_cmpint(ended, ==, RL_UNMARKED_NOT);
    forget();
}

void
add_tests(void)
{
    lab_add("/unmarked/unreadable", test_unreadable);
    lab_add("/unmarked/saved", test_saved);
    lab_add("/unmarked/end-marks", test_end_marks);
    lab_add("/unmarked/restore", test_restore);
    lab_add("/unmarked/failed-restore", test_failed_restore);
    lab_add("/unmarked/unknown", test_unknown);
    lab_add("/unmarked/decided", test_decided);
    lab_add("/unmarked/other-runs", test_other_runs);
}
