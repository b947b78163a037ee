/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What a restored domain goes on with is what it was before: read-only stays read-only, and what
 * was there before the restore is not that run's to end. */
#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/format/image-save.h"
#include "common/fs/xattr.h"
#include "common/operation/save.h"
#include "harness/lab.h"

#include <fcntl.h>

#define V "a/b/private"

static void
set_hold(Lab *lab, const char *name, RlMark hold)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);

    g_assert_true(hold == RL_MARK_NONE ? rl_mark_clear(fd, NULL) : rl_mark_set(fd, hold, NULL));
}

/* So old that its domain cannot be about to open it. */
static void
age(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, name);

    run->since_us -= (gint64) RL_OWNER_GRACE_SECONDS * G_USEC_PER_SEC;
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
}

static void
save(Lab *lab, const char *name)
{
    bool done = false;

    g_assert_true(rl_volume_save(lab->pool, name, &alice, &done, NULL));
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
restore_fails(Lab *lab, const char *name, RlStartFlags flags)
{
    GError *error = NULL;

    g_assert_null(restore(lab, name, flags, &error));
    take_error(error, RL_ERROR_STATE, "does not belong");
}

static void
assert_hold(Lab *lab, const char *name, RlMark wanted)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    RlMark hold;

    g_assert_true(rl_mark_get(fd, &hold, NULL));
    g_assert_cmpint(hold, ==, wanted);
}

/* What a restore that fails leaves, or an end that nobody can tell. */
static void
keep(Lab *lab, const char *name, RlMark wanted)
{
    g_autoptr(GError) error = NULL;
    bool done = false;

    g_assert_true(rl_volume_keep(lab->pool, name, &alice, &done, &error));
    g_assert_true(done);
    assert_hold(lab, name, wanted);
}

static void
start_reader(Lab *lab, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlStarted) started =
        rl_volume_start(lab->pool, name, &alice, RL_START_READONLY, &error);

    g_assert_no_error(error);
    g_assert_nonnull(started);
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
    start_reader(lab, V);
    for (int i = 0; i < 2; i++) {
        save(lab, V);
        restore_well(lab, V, RL_START_READONLY);
        g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
        g_assert_true(run->readonly);
        g_assert_true(run->continued);
    }
    /* Whatever somebody does to it: what a domain only reads is never committed. */
    image_write(lab, V, RL_FILE_DIRTY, "never");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "its domain only reads it");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    assert_revisions(lab, V, "");
}

/* What was only read is saved as often as a restore of it fails, and stays what was only read: also
 * where an administrator decides. */
static void
test_readonly_is_kept_so(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    start_reader(lab, V);
    for (int i = 0; i < 2; i++) {
        save(lab, V);
        restore_well(lab, V, RL_START_READONLY);
        keep(lab, V, RL_MARK_SAVED);
        restore_well(lab, V, RL_START_READONLY);
        keep(lab, V, RL_MARK_SAVED);
        g_assert_true(rl_volume_continue(lab->pool, V, NULL));
        start_reader(lab, V);
    }
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
    g_assert_true(run->readonly);
    keep(lab, V, RL_MARK_KEPT_READONLY);
    image_write(lab, V, RL_FILE_DIRTY, "never");
    lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "its domain only reads it");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    assert_revisions(lab, V, "");
}

/* Its save file was deleted: the domain starts without its memory. */
static void
test_readonly_without_its_memory(Lab *lab)
{
    bool done = false;

    lab_create(lab, V, "one", MIB);
    start_reader(lab, V);
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .file = "/nonexistent"}, &done,
        NULL));
    start_reader(lab, V);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
    g_assert_true(run->readonly);
    lab_stop(lab, V, &alice, RL_STOP_DROPPED);
}

/* Whoever writes has what he writes committed, also what was only read before. */
static void
test_kept_is_written(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    start_reader(lab, V);
    save(lab, V);
    restore_well(lab, V, RL_START_READONLY);
    keep(lab, V, RL_MARK_SAVED);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    keep(lab, V, RL_MARK_KEPT);
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* A restore that fails leaves what was saved as that, for the same memory and for nobody else; what
 * an administrator has decided to continue stays what he said. */
static void
test_failed_restore(Lab *lab)
{
    const RlKeep failed = {.owner = &alice, .failed = true};
    bool done;

    for (int confirmed = 0; confirmed < 2; confirmed++) {
        g_autofree char *name = g_strdup_printf("f/%d", confirmed);
        lab_create(lab, name, "one", MIB);
        lab_start(lab, name, &alice);
        image_write(lab, name, RL_FILE_DIRTY, "two");
        save(lab, name);
        for (int i = 0; i < 2; i++) {
            restore_well(lab, name, 0);
            if (confirmed)
                g_assert_true(rl_volume_confirm(lab->pool, name, &alice, NULL));
            g_assert_true(rl_volume_keep_as(lab->pool, name, &failed, &done, NULL) && done);
            assert_hold(lab, name, RL_MARK_SAVED);
            lab_start_fails(lab, name, &alice, RL_ERROR_STATE, "saved");
            lab_start_fails(lab, name, &bob, RL_ERROR_STATE, "saved");
            lab_stop(lab, name, NULL, RL_STOP_HELD);
        }
        g_assert_true(rl_volume_continue(lab->pool, name, NULL));
        lab_start(lab, name, &alice);
        g_assert_true(rl_volume_keep_as(lab->pool, name, &failed, &done, NULL) && done);
        assert_hold(lab, name, RL_MARK_KEPT);
    }
}

/* Of a memory that was tried, and is damaged, another copy may be told otherwise. */
static void
test_failed_restore_of_memory(Lab *lab)
{
    const RlKeep failed = {.owner = &alice, .failed = true};
    RlMemory memory = {.digest = (char *) "digest"};
    RlDomainRef owner = alice;
    bool done;

    owner.memory = &memory;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    save(lab, V);
    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(rl_volume_announce_restore(lab->pool, V, &owner, NULL));
        g_autoptr(RlStarted) started =
            rl_volume_start(lab->pool, V, &owner, RL_START_RESTORED, &error);
        g_assert_no_error(error);
        g_assert_true(rl_volume_confirm(lab->pool, V, &alice, NULL));
        g_assert_true(rl_volume_keep_as(lab->pool, V, &failed, &done, NULL) && done);
        assert_hold(lab, V, RL_MARK_SAVED);
        memory.digest = (char *) "another";
    }
}

/* What its guest wrote to is no part of the save any more. */
static void
test_written_after_restore(Lab *lab)
{
    const RlKeep failed = {.owner = &alice, .failed = true};
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    save(lab, V);
    restore_well(lab, V, 0);
    g_usleep(20 * 1000);
    image_write(lab, V, RL_FILE_DIRTY, "three");
    g_assert_true(rl_volume_keep_as(lab->pool, V, &failed, &done, NULL) && done);
    assert_hold(lab, V, RL_MARK_KEPT);
}

/* A memory does not belong to what somebody else has left, which stays as it is. */
static void
test_another_domains(Lab *lab)
{
    const RlMark holds[] = {RL_MARK_NONE, RL_MARK_RESTORED};

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/scratch", RL_KIND_VOLATILE, NULL, NULL, MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(holds); i++) {
        const char *names[] = {V, "a/scratch"};
        for (size_t n = 0; n < G_N_ELEMENTS(names); n++) {
            lab_start(lab, names[n], &bob);
            image_write(lab, names[n], RL_FILE_DIRTY, "of bob");
            set_hold(lab, names[n], holds[i]);
            age(lab, names[n]);
            restore_fails(lab, names[n], 0);
            image_is(lab, names[n], RL_FILE_DIRTY, "of bob");
            lab_stop(lab, names[n], &bob, n == 0 ? RL_STOP_COMMITTED : RL_STOP_DROPPED);
        }
    }
}

/* What would be dropped is no memory's either, and is not dropped for it. */
static void
test_nobodys(Lab *lab)
{
    GError *error = NULL;

    lab_create_kind(lab, "a/scratch", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_start(lab, "a/scratch", &alice);
    image_write(lab, "a/scratch", RL_FILE_DIRTY, "of somebody");
    rl_autofd int fd = image_open(lab, "a/scratch", RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_image_owner_clear(fd, NULL));
    g_assert_true(rl_xattr_set_number(fd, RL_ATTR_SIZE, MIB, NULL));
    rl_fd_close(&fd);
    g_assert_null(restore(lab, "a/scratch", 0, &error));
    take_error(error, RL_ERROR_STATE, "has ended");
    image_is(lab, "a/scratch", RL_FILE_DIRTY, "of somebody");
}

static void
test_written_stays_written(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    save(lab, V);
    restore_well(lab, V, 0);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
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
    const RlMark holds[] = {RL_MARK_NONE, RL_MARK_SAVED, RL_MARK_RESTORED, RL_MARK_KEPT};

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
    set_hold(lab, V, RL_MARK_SUSPECT);
    g_assert_null(restore(lab, V, 0, &error));
    take_error(error, RL_ERROR_STATE, "suspect");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

void
add_tests(void)
{
    lab_add("/restored/readonly-stays-readonly", test_readonly_stays_readonly);
    lab_add("/restored/readonly-is-kept-so", test_readonly_is_kept_so);
    lab_add("/restored/readonly-without-its-memory", test_readonly_without_its_memory);
    lab_add("/restored/kept-is-written", test_kept_is_written);
    lab_add("/restored/failed-restore", test_failed_restore);
    lab_add("/restored/failed-restore-of-memory", test_failed_restore_of_memory);
    lab_add("/restored/written-after-restore", test_written_after_restore);
    lab_add("/restored/another-domains", test_another_domains);
    lab_add("/restored/nobodys", test_nobodys);
    lab_add("/restored/written-stays-written", test_written_stays_written);
    lab_add("/restored/restore-needs-no-mark", test_restore_needs_no_mark);
    lab_add("/restored/restore-of-suspect-is-refused", test_restore_of_suspect_is_refused);
}
