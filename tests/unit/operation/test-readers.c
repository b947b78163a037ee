/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* Domains that only read: they share an image, and the last one to stop ends it. */
#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/format/image-save.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "common/pool/volume-state.h"
#include "harness/lab.h"

#include <fcntl.h>

#define V "a/b/private"
#define DIRECT "db/main"

static RlStarted *
start_reader(Lab *lab, const char *name, const RlDomainRef *owner)
{
    GError *error = NULL;
    RlStarted *started = rl_volume_start(lab->pool, name, owner, RL_START_READONLY, &error);

    g_assert_no_error(error);
    g_assert_nonnull(started);
    return started;
}

static void
start_reader_fails(Lab *lab, const RlDomainRef *owner, int code, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_volume_start(lab->pool, V, owner, RL_START_READONLY, &error));
    take_error(error, code, words);
}

/* As if it had started longer ago than a domain takes to open its disks. */
static void
age(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = NULL;

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    run->since_us -= (gint64) RL_OWNER_GRACE_SECONDS * G_USEC_PER_SEC;
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
}

/* The image has the name of whoever started last. Another one may end it once that cannot be about
 * to open it any more. */
static void
test_last_to_stop(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) first = start_reader(lab, V, &alice);
    g_autoptr(RlStarted) second = start_reader(lab, V, &bob);
    lab_stop(lab, V, &alice, RL_STOP_NOT_OWNED);
    g_assert_true(image_is_there(lab, V, RL_FILE_DIRTY));
    age(lab, V);
    lab_stop(lab, V, &alice, RL_STOP_DROPPED);
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
    assert_revisions(lab, V, "");
}

/* Under Xen nobody but the guest could have set a date: what was only read is the next start's. */
static void
test_unwritten(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) started = start_reader(lab, V, &xen);
    ino_t inode = image_inode(lab, V, RL_FILE_DIRTY);
    lab_stop(lab, V, &xen, RL_STOP_UNWRITTEN);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_PRECACHE), ==, inode);
}

/* What nobody reads any more, as after a crash of the host, is of an old clean image. */
static void
test_dead_run(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) dead = start_reader(lab, V, &alice);
    age(lab, V);
    int reader = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    ino_t inode = image_inode(lab, V, RL_FILE_DIRTY);
    g_autoptr(RlStarted) shared = start_reader(lab, V, &bob);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), ==, inode);
    g_assert_true(shared->continued);
    close(reader);

    age(lab, V);
    g_autoptr(RlStarted) anew = start_reader(lab, V, &xen);
    g_assert_false(anew->continued);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), !=, inode);
    lab_stop(lab, V, &alice, RL_STOP_NOT_OWNED);
}

/* A direct volume has no other image. */
static void
test_dead_run_of_direct(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    g_autoptr(RlStarted) dead = start_reader(lab, DIRECT, &alice);
    age(lab, DIRECT);
    g_autoptr(RlStarted) next = start_reader(lab, DIRECT, &bob);
    image_is(lab, DIRECT, RL_FILE_DIRTY, "one");
}

/* A person ends what was found. */
static void
test_ended_by_hand(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) started = start_reader(lab, V, &alice);
    lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "started");
    age(lab, V);
    {
        rl_autofd int reader = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        lab_stop_fails(lab, V, NULL, RL_ERROR_BUSY, V);
    }
    lab_stop(lab, V, NULL, RL_STOP_DROPPED);
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* Nobody reads it any more: then a start that is put back drops it, as an end does. Its device
 * model may have had it. */
static void
test_unstart(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) started = start_reader(lab, V, &alice);
    g_assert_true(rl_volume_unstart(lab->pool, started, &alice, &error));
    g_assert_no_error(error);
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
    g_assert_false(image_is_there(lab, V, RL_FILE_PRECACHE));
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* An image is shared only as long as that is all that anybody does with it. */
static void
test_not_shared(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) started = start_reader(lab, V, &alice);
    {
        rl_autofd int writer = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
        start_reader_fails(lab, &bob, RL_ERROR_BUSY, "'alice'");
    }
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_true(rl_mark_set(fd, RL_MARK_KEPT, NULL));
    g_assert_true(rl_image_owner_clear(fd, NULL));
    rl_fd_close(&fd);
    start_reader_fails(lab, &bob, RL_ERROR_STATE, "'a/b/private'");

    /* Nobody noted whose it is: it may be anybody's unfinished writes. */
    fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_mark_clear(fd, NULL));
    rl_fd_close(&fd);
    start_reader_fails(lab, &bob, RL_ERROR_STATE, "'a/b/private'");
    image_is(lab, V, RL_FILE_DIRTY, "one");
}

/* Time goes on by more than a tick of the clock that dates files. */
static gint64
let_time_pass(void)
{
    g_usleep(50 * 1000);
    gint64 now = g_get_real_time();
    g_usleep(50 * 1000);
    return now;
}

/* Restores alice, who was saved at @saved_us and reads V; or fails, with the words @refused. */
static void
restore_alice(Lab *lab, gint64 saved_us, const char *refused)
{
    const RlMemory memory = {.digest = (char *) "aa", .date_us = saved_us};
    RlDomainRef owner = alice;
    GError *error = NULL;

    owner.memory = &memory;
    g_autoptr(RlStarted) started =
        rl_volume_start(lab->pool, V, &owner, RL_START_READONLY | RL_START_RESTORED, &error);
    if (refused) {
        take_error(error, RL_ERROR_STATE, refused);
        return;
    }
    g_assert_no_error(error);
    g_assert_true(rl_volume_unstart(lab->pool, started, &owner, &error));
    g_assert_no_error(error);
}

/* A domain's memory knows what it has read. It was saved while another one read the same image, and
 * nothing is noted of it. */
static void
test_restored(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) first = start_reader(lab, V, &alice);
    g_autoptr(RlStarted) second = start_reader(lab, V, &bob);
    gint64 saved_us = let_time_pass();
    restore_alice(lab, saved_us, NULL);
    /* The same content, of another run, and of none. */
    age(lab, V);
    lab_stop(lab, V, &bob, RL_STOP_DROPPED);
    restore_alice(lab, saved_us, NULL);
    lab_stop(lab, V, &alice, RL_STOP_NOTHING);
    g_autoptr(RlStarted) third = start_reader(lab, V, &bob);
    restore_alice(lab, saved_us, NULL);
    age(lab, V);
    lab_stop(lab, V, &bob, RL_STOP_DROPPED);
    /* Another content. */
    lab_run(lab, V, "two");
    restore_alice(lab, saved_us, "'a/b/private' & 'alice' & another content");
    g_autoptr(RlStarted) fourth = start_reader(lab, V, &bob);
    restore_alice(lab, saved_us, "'a/b/private' & 'alice' & another content");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* The file that the domain reads is older than the memory; what is in it is not. */
static void
test_restored_remade(Lab *lab)
{
    lab_options(lab, 1);
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_run(lab, V, "three");
    g_autoptr(RlStarted) first = start_reader(lab, V, &alice);
    gint64 saved_us = let_time_pass();
    age(lab, V);
    lab_stop(lab, V, &alice, RL_STOP_DROPPED);
    rl_volume_maintain(lab->pool, V, false, NULL);
    lab_run(lab, V, "four");
    g_autoptr(RlStarted) fourth = start_reader(lab, V, &bob);
    image_is(lab, V, RL_FILE_DIRTY, "four");
    restore_alice(lab, saved_us, "'a/b/private' & 'alice' & another content");
}

/* The only image that a direct volume has is never dropped, whoever ran on it. */
static void
test_direct_is_kept(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    g_autoptr(RlStarted) started = start_reader(lab, DIRECT, &alice);
    age(lab, DIRECT);
    lab_start(lab, DIRECT, &bob);
    image_is(lab, DIRECT, RL_FILE_DIRTY, "one");
}

void
add_tests(void)
{
    lab_add_on("/readers/last-to-stop", "xfs btrfs", test_last_to_stop);
    lab_add_on("/readers/unwritten", "xfs btrfs", test_unwritten);
    lab_add_on("/readers/dead-run", "xfs btrfs", test_dead_run);
    lab_add_on("/readers/dead-run-of-direct", "xfs btrfs", test_dead_run_of_direct);
    lab_add_on("/readers/ended-by-hand", "xfs btrfs", test_ended_by_hand);
    lab_add_on("/readers/unstart", "xfs btrfs", test_unstart);
    lab_add_on("/readers/not-shared", "xfs btrfs", test_not_shared);
    lab_add_on("/readers/restored", "xfs btrfs", test_restored);
    lab_add_on("/readers/restored-remade", "xfs btrfs", test_restored_remade);
    lab_add_on("/readers/direct-is-kept", "xfs btrfs", test_direct_is_kept);
}
