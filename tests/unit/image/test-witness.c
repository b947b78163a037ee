/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Who keeps a run's images open; that it sees failed writes is shown by integration/lost-writes. */
#include "common/image/lost-write-witness.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/fs/lease.h"
#include "common/image/suspect.h"
#include "common/operation/claim.h"
#include "common/operation/clone.h"
#include "common/operation/save.h"
#include "common/pool/volume-lock.h"
#include "common/pool/volume-state.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define V "a/b/private"

static char *
witness_socket(const char *key)
{
    return g_strdup_printf("%s/witness/%s", RL_LOCK_DIR, key);
}

/* Has it been taken back that a process has the dirty image open? Such a one holds its blocks. */
static bool
is_open_anywhere(Lab *lab)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);

    return rl_lease_has_opener(fd);
}

static RlWrites
writes_of(Lab *lab, const char *key)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    RlWrites writes = RL_WRITES_UNKNOWN;

    rl_witness_find_writes(key, fd, &writes);
    return writes;
}

static char *
begin(Lab *lab)
{
    char *key = rl_witness_key_by_hand(lab->pool, V);
    g_autoptr(GArray) images = rl_witness_new();
    g_autofree char *path = witness_socket(key);

    rl_witness_add(images, lab->pool, V);
    g_assert_cmpuint(images->len, ==, 1);
    rl_witness_begin(key, &alice, images);
    g_assert_true(is_there(path));
    return key;
}

/* To nobody who asks, the process is a user of the image; and it leaves it as it is. */
static void
test_is_no_user(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autofree char *key = begin(lab), *path = witness_socket(key);
    g_assert_false(is_open_anywhere(lab));
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_witness_ask(key, &alice, NULL));
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    rl_witness_dismiss(key, false);
    g_assert_false(is_there(path));
}

static void
test_leaves_when_told(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autofree char *key = begin(lab), *path = witness_socket(key);
    rl_witness_dismiss(key, false);
    g_assert_true(is_there(path)); /* the run has just begun */
    g_autofree char *again = begin(lab);
    g_assert_cmpstr(again, ==, key);
    rl_witness_dismiss(key, true);
    g_assert_false(is_there(path));
    rl_witness_dismiss(key, true);
    g_assert_true(rl_witness_ask(key, NULL, NULL));
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
}

/* What is made anew at each start is nobody's loss. */
static void
test_kinds(Lab *lab)
{
    g_autoptr(GArray) images = rl_witness_new();

    lab_create_kind(lab, "volatile", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "direct", RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, "volatile", &alice);
    lab_start(lab, "direct", &alice);
    rl_witness_add(images, lab->pool, "volatile");
    g_assert_cmpuint(images->len, ==, 0);
    rl_witness_add(images, lab->pool, "direct");
    g_assert_cmpuint(images->len, ==, 1);
}

ATTEMPT(ask_volume, rl_witness_ask_volume(alice.uuid, &alice, lab->pool, V, error))

/* Where a lost write can be recorded nowhere, no other volume of the domain has to wait for that,
 * and the kernel's report of theirs is not used up. */
static void
test_one_volume(Lab *lab)
{
    Disturbance all = {.nr = SYS_fsync, .also = SYS_fsetxattr, .first = 1, .code = EIO};
    g_autoptr(GArray) images = rl_witness_new();
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_create(lab, "other", "one", MIB);
    lab_start(lab, V, &alice);
    lab_start(lab, "other", &alice);
    rl_witness_add(images, lab->pool, "other");
    rl_witness_add(images, lab->pool, V);
    rl_witness_begin(alice.uuid, &alice, images);
    g_assert_false(disturb(lab, &all, ask_volume, &error));
    take_errno(error, EIO, "private-dirty.img");
    g_assert_cmpint(lab_state(lab, "other"), ==, RL_STATE_RUNNING);
    g_assert_true(rl_witness_ask_volume(alice.uuid, &alice, lab->pool, "other", NULL));
    image_write(lab, "other", RL_FILE_DIRTY, "two");
    lab_stop(lab, "other", &alice, RL_STOP_COMMITTED);
    g_assert_true(rl_witness_ask_volume(alice.uuid, &alice, lab->pool, "none", NULL));
    rl_witness_dismiss(alice.uuid, true);
    g_assert_true(rl_witness_ask_volume(alice.uuid, &alice, lab->pool, V, NULL));
}

/* The domain that was started with the disk is alice, whose run is noted; bob has it now. */
static char *
pass_to_bob(Lab *lab)
{
    const RlClaim claim = {.from = &alice, .to = &bob};
    g_autoptr(GArray) images = rl_witness_new();
    g_autoptr(GError) error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_witness_add(images, lab->pool, V);
    rl_witness_begin(alice.uuid, &alice, images);
    rl_volume_pass_on(lab->pool, V, &claim, &done, &error);
    g_assert_no_error(error);
    g_assert_true(done);
    return rl_witness_key_noted(lab->pool, V, &bob);
}

/* The end of alice, and a new start of it, leave the process that has bob's disk. */
static void
test_passed_on(Lab *lab)
{
    g_autofree char *key = pass_to_bob(lab), *path = witness_socket(alice.uuid);
    g_autoptr(GArray) images = rl_witness_new();

    g_assert_cmpstr(key, ==, alice.uuid);
    g_assert_null(rl_witness_key_noted(lab->pool, V, &alice));
    rl_witness_dismiss(key, true);
    g_assert_true(is_there(path));
    g_assert_cmpint(writes_of(lab, key), ==, RL_WRITES_ONCE);
    rl_witness_begin(key, &alice, images);
    g_assert_cmpuint(images->len, ==, 1);
    g_assert_true(is_there(path));
    /* The process that knew has gone. */
    g_assert_cmpint(writes_of(lab, key), ==, RL_WRITES_UNKNOWN);
    g_assert_true(rl_witness_ask(key, &bob, NULL));
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    g_assert_null(rl_witness_key_noted(lab->pool, V, NULL));
    rl_witness_dismiss(key, false);
    g_assert_false(is_there(path));
}

/* What an administrator began is asked for under its own key, whosever it is by now. */
static void
test_passed_on_by_hand(Lab *lab)
{
    const RlDomainRef by_hand = {.driver = RL_OWNER_BY_HAND, .uuid = "0", .name = "by hand"};
    g_autofree char *wanted = rl_witness_key_by_hand(lab->pool, V);
    const RlClaim claim = {.to = &alice}, on = {.from = &alice, .to = &bob};
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &by_hand);
    for (int i = 0; i < 3; i++) {
        g_autofree char *key = rl_witness_key_noted(lab->pool, V, NULL);
        g_assert_cmpstr(key, ==, wanted);
        if (i == 0)
            g_assert_true(rl_volume_claim(lab->pool, V, &claim, &done, NULL) && done);
        if (i == 1)
            g_assert_true(rl_volume_pass_on(lab->pool, V, &on, &done, NULL) && done);
    }
    /* The next run has its own. */
    lab_crash(lab, V);
    lab_start(lab, V, &alice);
    g_autofree char *key = rl_witness_key_noted(lab->pool, V, NULL);
    g_assert_cmpstr(key, ==, alice.uuid);
}

/* The run began longer ago than anybody is waited for. */
static void
make_old(Lab *lab)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);

    g_assert_true(rl_image_owner_leave(fd, run, NULL));
}

/* It may be attached at any time, until an administrator stops it, or has to decide about it. */
static void
test_waits_by_hand(Lab *lab)
{
    const RlDomainRef by_hand = {.driver = RL_OWNER_BY_HAND, .uuid = "0", .name = "by hand"};

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &by_hand);
    make_old(lab);
    g_autofree char *key = begin(lab), *path = witness_socket(key);
    rl_witness_dismiss(key, false);
    g_assert_true(is_there(path));
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_assert_true(rl_mark_set(fd, RL_MARK_SUSPECT, NULL));
    }
    rl_witness_dismiss(key, false);
    g_assert_false(is_there(path));
}

/* The process is disturbed, too: it has the filter of who begins it. */
static bool
begin_and_leave(Lab *lab, GError **error)
{
    g_autofree char *key = begin(lab);

    (void) error;
    rl_witness_dismiss(key, false);
    return true;
}

/* Nobody ends the run, nor goes on with it: before the process leaves it sees what was lost. */
static void
test_leaves_unasked(Lab *lab)
{
    Disturbance lost = {.nr = SYS_fsync, .first = 1, .count = 1, .code = EIO};

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    make_old(lab);
    g_assert_true(disturb(lab, &lost, begin_and_leave, NULL));
    g_assert_cmpuint(lost.made, >=, 1);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
}

static const char *asked;

ATTEMPT(ask, rl_witness_ask(asked, &alice, error))

/* What it was told is marked durably; where that is not possible, noted elsewhere; else no end. */
static void
test_tells_once(Lab *lab)
{
    Disturbance lost = {.nr = SYS_fsync, .first = 1, .count = 1, .code = EIO},
                full = {.nr = SYS_fsync,
                        .also = SYS_fsetxattr,
                        .first = 1,
                        .count = 3,
                        .code = EIO},
                all = {.nr = SYS_fsync, .also = SYS_fsetxattr, .first = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    Disturbance *const cases[] = {&lost, &full};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        lab_start(lab, V, &alice);
        g_autofree char *key = begin(lab);
        asked = key;
        g_assert_true(disturb(lab, cases[i], ask, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(cases[i]->made, >=, 2);
        g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
        lab_stop(lab, V, &alice, RL_STOP_HELD);
        rl_witness_dismiss(key, true);
        g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    }
    lab_start(lab, V, &alice);
    g_autofree char *key = begin(lab);
    asked = key;
    g_assert_false(disturb(lab, &all, ask, &error));
    take_errno(error, EIO, "private-dirty.img");
    rl_witness_dismiss(key, true);
}

static bool
make_label(Lab *lab, const char *to, GError **error)
{
    g_autoptr(RlStagedImage) draft = rl_clone_make(lab_pool(lab), to, V, error);

    return draft != NULL;
}

ATTEMPT(label, make_label(lab, V "@night", error))

/* A named revision of a run that has lost writes is made by who knows that. */
static void
test_label(Lab *lab)
{
    Disturbance lost = {.nr = SYS_fsync, .first = 1, .count = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_assert_true(make_label(lab, V "@noon", &error));
    lab_start(lab, V, &alice);
    g_autofree char *noted = rl_witness_key_noted(lab->pool, V, NULL);
    g_autoptr(GArray) images = rl_witness_new();
    rl_witness_add(images, lab->pool, V);
    rl_witness_begin(noted, &alice, images);
    g_assert_false(disturb(lab, &lost, label, &error));
    take_error(error, RL_ERROR_STATE, "suspect");
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    g_assert_true(make_label(lab, V "@night", NULL));
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    rl_witness_dismiss(noted, true);
}

static void
write_later(Lab *lab, const char *text)
{
    g_usleep(20 * 1000); /* the clock of files goes in ticks */
    image_write(lab, V, RL_FILE_DIRTY, text);
    g_usleep(50 * 1000); /* until the process has seen it */
}

static void
test_writes(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autofree char *key = begin(lab);
    g_assert_cmpint(writes_of(lab, key), ==, RL_WRITES_ONCE);
    write_later(lab, "two");
    g_assert_cmpint(writes_of(lab, key), ==, RL_WRITES_ONCE);
    write_later(lab, "three");
    g_assert_cmpint(writes_of(lab, key), ==, RL_WRITES_AGAIN);
    g_assert_cmpint(writes_of(lab, "nobody"), ==, RL_WRITES_UNKNOWN);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    rl_witness_dismiss(key, true);
}

/* A run whose end was lost is ended with the domain's next one, on another volume. */
static void
test_left(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create(lab, "a/b/other", "one", MIB);
    lab_start(lab, V, &alice);
    g_autoptr(GArray) images = rl_witness_new(), next = rl_witness_new();
    rl_witness_add(images, lab->pool, V);
    rl_witness_begin(alice.uuid, &alice, images);
    write_later(lab, "two");
    lab_start(lab, "a/b/other", &alice);
    rl_witness_add(next, lab->pool, "a/b/other");
    rl_witness_begin(alice.uuid, &alice, next);
    g_assert_cmpuint(next->len, ==, 2);
    g_assert_cmpint(writes_of(lab, alice.uuid), ==, RL_WRITES_ONCE);
    write_later(lab, "three");
    g_assert_cmpint(writes_of(lab, alice.uuid), ==, RL_WRITES_AGAIN);
    /* Each is kept once. */
    g_autoptr(GArray) again = rl_witness_new();
    rl_witness_add(again, lab->pool, V);
    rl_witness_begin(alice.uuid, &alice, again);
    g_assert_cmpuint(again->len, ==, 2);
    rl_witness_dismiss(alice.uuid, true);
}

/* Who has no image to keep starts none; one that can be kept by nobody is left out. */
static void
test_nothing(Lab *lab)
{
    g_autoptr(GArray) images = rl_witness_new();

    lab_create(lab, V, "one", MIB);
    rl_witness_add(images, lab->pool, "a/b/none");
    rl_witness_add(images, lab->pool, V); /* it has no dirty image */
    g_assert_cmpuint(images->len, ==, 0);
    rl_witness_begin("nobody", &alice, images);
    g_assert_false(rl_witness_is_there("nobody"));
    g_assert_true(rl_witness_pass_on("nobody", NULL, lab->pool, V, NULL));
    g_assert_true(rl_witness_ask_volume("nobody", NULL, lab->pool, V, NULL));
}

/* A job of libvirt's on the image was broken off. */
static void
test_broken_job(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_false(rl_mark_is_suspect_of_job(fd));
    g_assert_true(rl_suspect_mark_of_job(fd, NULL));
    g_assert_true(rl_mark_is_suspect_of_job(fd));
    g_assert_false(rl_mark_is_suspect_of_job(-1));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "block job");
    lab_stop(lab, V, &alice, RL_STOP_HELD);
}

void
add_tests(void)
{
    lab_add("/witness/left", test_left);
    lab_add("/witness/broken-job", test_broken_job);
    lab_add("/witness/nothing", test_nothing);
    lab_add("/witness/writes", test_writes);
    lab_add("/witness/is-no-user", test_is_no_user);
    lab_add("/witness/leaves-when-told", test_leaves_when_told);
    lab_add("/witness/kinds", test_kinds);
    lab_add("/witness/leaves-unasked", test_leaves_unasked);
    lab_add("/witness/tells-once", test_tells_once);
    lab_add("/witness/one-volume", test_one_volume);
    lab_add("/witness/passed-on", test_passed_on);
    lab_add("/witness/passed-on-by-hand", test_passed_on_by_hand);
    lab_add("/witness/waits-by-hand", test_waits_by_hand);
    lab_add("/witness/label", test_label);
}
