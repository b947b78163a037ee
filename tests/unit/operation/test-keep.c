/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/operation/save.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/format/image-save.h"
#include "common/fs/xattr.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define V "a/b/private"

/* The domain @owner is saved, and about to be restored; it has started then, if @started. */
static void
save_and_restore(Lab *lab, bool started)
{
    GError *error = NULL;
    bool done;

    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "written");
    g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, &error));
    g_assert_true(done);
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, &error));
    if (started)
        rl_started_free(rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error));
    g_assert_no_error(error);
}

static RlRunImage
image_of_run(Lab *lab, const char *name, const RlDomainRef *owner)
{
    GError *error = NULL;
    RlRunImage image;

    g_assert_true(rl_volume_look_at_run(lab->pool, name, owner, &image, &error));
    g_assert_no_error(error);
    return image;
}

static bool
is_continued_by(Lab *lab, const char *name, const RlDomainRef *owner)
{
    return image_of_run(lab, name, owner) != RL_RUN_IMAGE_MADE;
}

static bool
is_unconfirmed_by(Lab *lab, const char *name, const RlDomainRef *owner)
{
    return image_of_run(lab, name, owner) == RL_RUN_IMAGE_UNCONFIRMED;
}

/* What a domain went on with after a restore is a run like any other once it has started. */
static void
test_confirm(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    save_and_restore(lab, true);
    g_assert_true(is_continued_by(lab, V, &alice));
    g_assert_true(is_unconfirmed_by(lab, V, &alice));
    g_assert_false(is_unconfirmed_by(lab, V, &bob));
    g_assert_true(rl_volume_confirm(lab->pool, V, &bob, &error));
    g_assert_true(is_unconfirmed_by(lab, V, &alice));
    g_assert_true(rl_volume_confirm(lab->pool, V, &alice, &error));
    g_assert_false(is_unconfirmed_by(lab, V, &alice));
    g_assert_no_error(error);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "written");
}

/* Of a volume that nobody has, and of none, there is nothing to say. */
static void
test_nothing_to_confirm(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_assert_false(is_continued_by(lab, V, &alice));
    g_assert_false(is_unconfirmed_by(lab, V, &alice));
    g_assert_true(rl_volume_confirm(lab->pool, V, &alice, &error));
    g_assert_no_error(error);
    lab_start(lab, V, &alice);
    g_assert_false(is_continued_by(lab, V, &alice));
    g_assert_false(is_unconfirmed_by(lab, V, &alice));

    g_assert_false(is_continued_by(lab, "a/none", &alice));
    g_assert_false(is_unconfirmed_by(lab, "a/none", &alice));
    g_assert_false(rl_volume_confirm(lab->pool, "a/none", &alice, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "'a/none'");
}

/* The image that the saved memory belongs to is gone: a restore must not begin with another one. */
static void
test_restore_without_its_image(Lab *lab)
{
    GError *error = NULL;
    g_autoptr(RlStarted) started = NULL;

    lab_create(lab, V, "one", MIB);
    started = rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error);
    g_assert_null(started);
    /* There are two ways to have saved it. */
    take_error(error, RL_ERROR_STATE, "'virsh start' & managedsave");
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
}

/* Whoever still writes to an image could change what was saved. */
static void
test_not_while_it_is_open(Lab *lab)
{
    GError *error = NULL;
    bool done = true;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_false(rl_volume_keep(lab->pool, V, &alice, &done, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_BUSY, "dirty image open");
    g_assert_false(rl_volume_save(lab->pool, V, &alice, &done, &error));
    take_error(error, RL_ERROR_BUSY, "dirty image open");
    g_assert_false(done);
    close(fd);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "saved");

    /* What is saved is saved; a keep does not take that away. */
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    g_assert_false(done);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "saved");
}

/* The process may have it for longer than anyone waits for it, and the host may go down meanwhile:
 * a domain that is saved is so at once. */
static void
test_saved_while_it_is_open(Lab *lab)
{
    const char *const names[] = {V, "a/root"};
    RlMemory memory = {.digest = (char *) "d", .save = (char *) "s"};
    RlDomainRef saved = alice;
    GError *error = NULL;
    bool done;

    saved.memory = &memory;
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, V, NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const RlKeep how = {.owner = &saved, .saved = true, .file = "/nowhere/file"};
        g_autoptr(RlStarted) run = lab_start_with(lab, names[i], &alice, 0);
        image_write(lab, names[i], RL_FILE_DIRTY, "two");
        int fd = image_open(lab, names[i], RL_FILE_DIRTY, O_RDWR);
        for (int again = 0; again < 2; again++) {
            g_assert_false(rl_volume_keep_as(lab->pool, names[i], &how, &done, &error));
            take_error(g_steal_pointer(&error), RL_ERROR_BUSY, "dirty image open");
            g_assert_false(done);
        }
        lab_start_fails(lab, names[i], &bob, RL_ERROR_BUSY, "'alice'");
        g_assert_cmpint(pwrite(fd, "six", 3, 0), ==, 3);
        close(fd);
        /* Neither a start nor what ends a run takes it. */
        lab_start_fails(lab, names[i], &alice, RL_ERROR_STATE, "saved & restore");
        lab_start_fails(lab, names[i], &bob, RL_ERROR_STATE, "saved & 'alice'");
        lab_stop(lab, names[i], &alice, RL_STOP_HELD);
        g_assert_true(rl_volume_unstart(lab->pool, run, &alice, NULL));
        image_is(lab, names[i], RL_FILE_DIRTY, "six");
        /* As it is now, what is tried first is not what was saved. */
        g_assert_true(rl_volume_announce_restore(lab->pool, names[i], &alice, NULL));
        g_assert_null(rl_volume_start(lab->pool, names[i], &saved, RL_START_RESTORED, &error));
        take_error(g_steal_pointer(&error), RL_ERROR_STATE, "changed since it was saved");
        /* The save is completed, by that save alone. */
        g_assert_true(rl_volume_save(lab->pool, names[i], &alice, &done, NULL));
        g_assert_false(done);
        g_assert_true(rl_volume_keep_as(lab->pool, names[i], &how, &done, NULL));
        g_assert_true(done);
        rl_started_free(lab_start_with(lab, names[i], &saved, RL_START_RESTORED));
        image_is(lab, names[i], RL_FILE_DIRTY, "six");
        lab_stop(lab, names[i], &alice, i ? RL_STOP_DROPPED : RL_STOP_COMMITTED);
    }
}

/* Its name is longer than any attribute. */
static void
test_file_cannot_be_noted(Lab *lab)
{
    g_autofree char *file = g_strnfill(70000, 'x');
    g_autoptr(RlStarted) started = NULL;
    GError *error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .file = file}, &done, &error));
    g_assert_no_error(error);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "saved");

    /* That an earlier save's file is gone says nothing of this one. */
    g_assert_true(rl_volume_continue(lab->pool, V, &error));
    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .file = "/gone"}, &done, &error));
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, &error));
    started = rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error);
    g_assert_no_error(error);
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .file = file}, &done, &error));
    g_assert_no_error(error);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "saved");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* Several domains that only read share one image. */
static void
test_readers_share(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) first = rl_volume_start(lab->pool, V, &alice, RL_START_READONLY, &error);
    g_autoptr(RlStarted) second = rl_volume_start(lab->pool, V, &bob, RL_START_READONLY, &error);
    g_assert_no_error(error);
    g_assert_nonnull(first);
    g_assert_nonnull(second);
    int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    lab_start_fails(lab, V, &alice, RL_ERROR_BUSY, "'bob'");
    close(fd);
}

/* As if alice had started longer ago than a domain takes to open its disks. */
static void
make_old(int fd)
{
    g_autoptr(RlImageOwner) run = NULL;

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    g_assert_nonnull(run);
    run->since_us -= (gint64) RL_OWNER_GRACE_SECONDS * G_USEC_PER_SEC;
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
}

static void
test_decisions(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_assert_false(rl_volume_continue(lab->pool, V, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NOT_FOUND, "dirty image");
    g_assert_false(rl_volume_discard(lab->pool, "a/none", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NOT_FOUND, "'a/none'");
    lab_start(lab, V, &alice);
    int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "running & 'alice'");
    g_assert_false(rl_volume_continue(lab->pool, V, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "running & 'alice'");
    close(fd);
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "started");
    fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    make_old(fd);
    close(fd);
    g_assert_true(rl_volume_discard(lab->pool, V, &error));
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

ATTEMPT(is_continued, is_continued_by(lab, V, &alice))

/* Whoever asks is to be careful where it cannot be told. */
static void
test_what_cannot_be_told(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    Disturbance no_mark = {.nr = SYS_fgetxattr, .first = 2, .count = 1, .code = EIO};
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_assert_false(is_continued(lab, NULL));
    g_assert_true(disturb(lab, &no_mark, is_continued, NULL));
    g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, NULL));
    g_assert_true(is_continued(lab, NULL));

    g_assert_cmpint(unlink(dirty), ==, 0);
    g_assert_false(is_continued(lab, NULL));
    g_assert_cmpint(mkdir(dirty, 0700), ==, 0);
    g_assert_true(is_continued(lab, NULL));
    g_assert_true(is_unconfirmed_by(lab, V, &alice));
}

/* What a disk error left is for a person; a keep does not take the mark away. */
static void
test_suspect_stays_so(Lab *lab)
{
    RlMark hold;
    bool done = true;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_mark_set(fd, RL_MARK_SUSPECT, NULL));
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    g_assert_false(done);
    g_assert_true(rl_mark_get(fd, &hold, NULL));
    g_assert_cmpint(hold, ==, RL_MARK_SUSPECT);
}

static int
confirm_first(Lab *lab)
{
    g_assert_true(rl_volume_confirm(lab->pool, V, &alice, NULL));
    return 0;
}

ATTEMPT(confirm, rl_volume_confirm(lab->pool, V, &alice, error))

static void
test_confirmed_twice(Lab *lab)
{
    Disturbance before_the_lock = {
        .nr = SYS_flock, .first = 1, .count = 1, .before = confirm_first};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    save_and_restore(lab, true);
    g_assert_true(disturb(lab, &before_the_lock, confirm, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(before_the_lock.made, ==, 1);
    g_assert_false(is_unconfirmed_by(lab, V, &alice));
}

void
add_tests(void)
{
    lab_add("/keep/confirm", test_confirm);
    lab_add("/keep/nothing-to-confirm", test_nothing_to_confirm);
    lab_add("/keep/restore-without-its-image", test_restore_without_its_image);
    lab_add("/keep/not-while-it-is-open", test_not_while_it_is_open);
    lab_add("/keep/saved-while-it-is-open", test_saved_while_it_is_open);
    lab_add("/keep/file-cannot-be-noted", test_file_cannot_be_noted);
    lab_add("/keep/readers-share", test_readers_share);
    lab_add("/keep/decisions", test_decisions);
    lab_add("/keep/what-cannot-be-told", test_what_cannot_be_told);
    lab_add("/keep/suspect-stays-so", test_suspect_stays_so);
    lab_add("/keep/confirmed-twice", test_confirmed_twice);
}
