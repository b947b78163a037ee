/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* An image that another domain has had is not handed on: the next domain gets a reflink of it, also
 * where no process has it open. A page of the old one may wait to be filled. Where the pool copies
 * it goes on as it is. */
#include "harness/lab.h"

#include "common/base/autofd.h"
#include "common/format/ended-note.h"
#include "common/format/image-domain.h"
#include "common/fs/xattr.h"
#include "common/operation/claim.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define V "a/b/private"
#define DIRECT "db/main"
#define VOLATILE "a/b/volatile"

/* Starts @name for @owner, which must get the inode @before, or another one where @others: another
 * domain had it. */
static void
start_after(Lab *lab, const char *name, const RlDomainRef *owner, ino_t before, bool others)
{
    lab_start(lab, name, owner);
    g_assert_cmpint(image_inode(lab, name, RL_FILE_DIRTY) != before, ==, others && lab->reflinks);
}

static void
keep(Lab *lab, const char *name, const RlDomainRef *owner)
{
    GError *error = NULL;
    bool done;

    g_assert_true(rl_volume_keep(lab->pool, name, owner, &done, &error));
    g_assert_no_error(error);
    g_assert_true(done);
}

/* As an earlier version left it. */
static void
forget_user(Lab *lab, const char *name, RlFileRole role)
{
    rl_autofd int fd = image_open(lab, name, role, O_RDONLY);

    g_assert_true(rl_xattr_remove(fd, RL_ATTR_USED_BY, NULL));
}

static void
test_direct(Lab *lab)
{
    const RlDomainRef *domains[] = {&alice, &alice, &bob, &bob, &alice};
    ino_t inode = 0;

    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(domains); i++) {
        if (i == 0)
            lab_start(lab, DIRECT, domains[i]);
        else
            start_after(lab, DIRECT, domains[i], inode, domains[i] != domains[i - 1]);
        image_is(lab, DIRECT, RL_FILE_DIRTY, i == 0 ? "one" : "two");
        image_write(lab, DIRECT, RL_FILE_DIRTY, "two");
        lab_stop(lab, DIRECT, domains[i], RL_STOP_RETURNED);
        inode = image_inode(lab, DIRECT, RL_FILE_CLEAN);
    }
    /* In another boot of the host nothing is left of that. */
    {
        rl_autofd int fd = image_open(lab, DIRECT, RL_FILE_CLEAN, O_RDONLY);
        g_assert_true(rl_xattr_set(fd, RL_ATTR_USED_BY, "another-boot alice", NULL));
    }
    start_after(lab, DIRECT, &bob, inode, false);
    lab_stop(lab, DIRECT, &bob, RL_STOP_RETURNED);
    forget_user(lab, DIRECT, RL_FILE_CLEAN);
    start_after(lab, DIRECT, &alice, inode, false);
}

/* The clean image of a persistent volume was a domain's; its record says then that it is direct. */
static void
test_made_direct(Lab *lab)
{
    g_autofree char *record = lab_file(lab, DIRECT, RL_FILE_RECORD);
    g_autofree char *away = g_strconcat(record, "-away", NULL);

    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(rename(record, away), ==, 0);
    lab_start(lab, DIRECT, &alice);
    image_write(lab, DIRECT, RL_FILE_DIRTY, "two");
    lab_stop(lab, DIRECT, &alice, RL_STOP_COMMITTED);
    g_assert_cmpint(rename(away, record), ==, 0);
    ino_t before = image_inode(lab, DIRECT, RL_FILE_CLEAN);
    start_after(lab, DIRECT, &bob, before, true);
    image_is(lab, DIRECT, RL_FILE_DIRTY, "two");
}

/* A run has ended, and no hook was called. */
static void
leave(Lab *lab, const char *name)
{
    g_autoptr(RlImageOwner) run = lab_run_of(lab, name);
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);

    g_assert_true(rl_image_owner_leave(fd, run, NULL));
}

static void
test_leftover(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    struct stat old;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    leave(lab, V);
    ino_t before = image_inode(lab, V, RL_FILE_DIRTY);
    start_after(lab, V, &alice, before, false);
    leave(lab, V);
    rl_autofd int place = open(dirty, O_PATH | O_CLOEXEC); /* does not count as having it open */
    start_after(lab, V, &bob, before, true);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    /* Of the old file no block is shared with it any more. */
    g_assert_cmpint(fstat(place, &old), ==, 0);
    g_assert_cmpint(old.st_size, ==, lab->reflinks ? 0 : MIB);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    /* As an earlier version left it: the run tells. */
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "three");
    leave(lab, V);
    forget_user(lab, V, RL_FILE_DIRTY);
    before = image_inode(lab, V, RL_FILE_DIRTY);
    start_after(lab, V, &bob, before, true);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "three");
}

/* What is kept says it, and where it does not, it may be any domain's. */
static void
test_kept(Lab *lab)
{
    static const char *const names[] = {V, DIRECT, VOLATILE};
    static const RlKind kinds[] = {RL_KIND_PERSISTENT, RL_KIND_DIRECT, RL_KIND_VOLATILE};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *name = names[i];
        if (i == 0)
            lab_create(lab, name, "one", MIB);
        else
            lab_create_kind(lab, name, kinds[i], NULL, i == 1 ? "one" : NULL, MIB);
        lab_start(lab, name, &alice);
        image_write(lab, name, RL_FILE_DIRTY, "two");
        keep(lab, name, &alice);
        ino_t before = image_inode(lab, name, RL_FILE_DIRTY);
        start_after(lab, name, &alice, before, false);
        keep(lab, name, &alice);
        g_assert_true(rl_volume_continue(lab->pool, name, NULL));
        start_after(lab, name, &bob, before, true);
        image_is(lab, name, RL_FILE_DIRTY, "two");
        keep(lab, name, &bob);
        forget_user(lab, name, RL_FILE_DIRTY);
        before = image_inode(lab, name, RL_FILE_DIRTY);
        start_after(lab, name, &bob, before, true);
        image_is(lab, name, RL_FILE_DIRTY, "two");
    }
}

static void
test_kept_readonly(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) first = lab_start_with(lab, V, &alice, RL_START_READONLY);
    keep(lab, V, &alice);
    ino_t before = image_inode(lab, V, RL_FILE_DIRTY);
    g_autoptr(RlStarted) second = lab_start_with(lab, V, &bob, RL_START_READONLY);
    g_assert_cmpint(image_inode(lab, V, RL_FILE_DIRTY) != before, ==, lab->reflinks);
}

/* A start that is put back changes nothing but the inode. */
static void
test_undo(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    keep(lab, V, &alice);
    g_autoptr(RlStarted) started = lab_start_with(lab, V, &bob, 0);
    g_assert_true(started->continued);
    g_assert_cmpint(started->hold, ==, RL_MARK_KEPT);
    g_assert_true(rl_volume_unstart(lab->pool, started, &bob, &error));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static void
test_precache(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_assert_true(rl_volume_maintain(lab->pool, V, false, NULL));
    ino_t before = image_inode(lab, V, RL_FILE_PRECACHE);
    start_after(lab, V, &alice, before, false);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    start_after(lab, V, &alice, before, false);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    start_after(lab, V, &bob, before, true);
    lab_stop(lab, V, &bob, RL_STOP_UNWRITTEN);
    /* Whose it was by hand is not known: it is no domain's next image, and a new one is made. */
    before = image_inode(lab, V, RL_FILE_PRECACHE);
    start_after(lab, V, &by_hand, before, true);
    leave(lab, V);
    lab_stop(lab, V, NULL, RL_STOP_UNWRITTEN);
    g_assert_true(rl_volume_maintain(lab->pool, V, false, NULL));
    rl_autofd int fd = image_open(lab, V, RL_FILE_PRECACHE, O_RDONLY);
    g_assert_cmpint(rl_image_domain_is_other(fd, NULL, false), ==, !lab->reflinks);
    rl_fd_close(&fd);
    start_after(lab, V, &alice, image_inode(lab, V, RL_FILE_PRECACHE), false);
}

/* A running domain was given the disk, and another one after it. */
static void
test_claimed(Lab *lab)
{
    const RlClaim to_alice = {.to = &alice}, to_bob = {.from = &alice, .to = &bob};
    bool done;

    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, DIRECT, &by_hand);
    g_assert_true(rl_volume_claim(lab->pool, DIRECT, &to_alice, &done, NULL) && done);
    g_assert_true(rl_volume_pass_on(lab->pool, DIRECT, &to_bob, &done, NULL) && done);
    lab_stop(lab, DIRECT, &bob, RL_STOP_RETURNED);
    ino_t before = image_inode(lab, DIRECT, RL_FILE_CLEAN);
    start_after(lab, DIRECT, &bob, before, true);
    lab_stop(lab, DIRECT, &bob, RL_STOP_RETURNED);
    before = image_inode(lab, DIRECT, RL_FILE_CLEAN);
    start_after(lab, DIRECT, &bob, before, false);
}

/* The run has ended, and waited for space: that is known of the new inode, too. */
static void
test_ended(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        rl_ended_note(lab->pool->dev, lab->pool->ino, V, fd, run->since_us);
    }
    /* What that run left is below an overlay, and so not ended by the start. */
    g_autoptr(RlStarted) started = lab_start_with(lab, V, &bob, RL_START_OVERLAID);
    g_assert_true(started->before->ended || !lab->reflinks);
}

void
add_tests(void)
{
    lab_add("/handed-over/direct", test_direct);
    lab_add("/handed-over/made-direct", test_made_direct);
    lab_add("/handed-over/leftover", test_leftover);
    lab_add("/handed-over/kept", test_kept);
    lab_add("/handed-over/kept-readonly", test_kept_readonly);
    lab_add("/handed-over/undo", test_undo);
    lab_add("/handed-over/precache", test_precache);
    lab_add("/handed-over/claimed", test_claimed);
    lab_add("/handed-over/ended", test_ended);
}
