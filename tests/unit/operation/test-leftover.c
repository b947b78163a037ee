/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Leftovers about which a start asks a person, and those about which it need not: smaller than the
 * clean image, made from another clean image, saved without a memory. */
#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/pool/volume-state.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define V "a/b/private"

/* What its domain made smaller (virsh blockresize) and then saved, or what a person takes as it is.
 */
static void
test_smaller_on_purpose(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    GError *error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    for (int i = 0; i < 3; i++) {
        g_autoptr(RlStarted) started = NULL;
        lab_start(lab, V, &alice);
        image_write(lab, V, RL_FILE_DIRTY, "two");
        set_size(dirty, (off_t) (MIB / 2) - i * 4096);
        if (i == 0) { /* saved */
            g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, &error));
            g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, &error));
            started = rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error);
            g_assert_no_error(error);
            g_assert_true(rl_volume_confirm(lab->pool, V, &alice, &error));
        } else if (i == 1) { /* its end is not known */
            g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, &error));
            lab_start(lab, V, &alice);
            g_assert_true(rl_volume_confirm(lab->pool, V, &alice, &error));
        } else {
            lab_crash(lab, V);
            lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'virt-reflink continue'");
            lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "'virt-reflink continue'");
            g_assert_true(rl_volume_continue(lab->pool, V, &error));
            lab_start(lab, V, &alice);
            g_assert_true(rl_volume_confirm(lab->pool, V, &alice, &error));
        }
        /* From then on that is its size, also after a crash. */
        lab_crash(lab, V);
        lab_start(lab, V, &alice);
        lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
        g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, (off_t) (MIB / 2) - i * 4096);
    }
}

/* A clean image that is another one than the leftover was made from: as after a backup was put
 * back. Until a person decides neither is touched. */
static void
replace_clean(Lab *lab, const char *text)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *new = lab_path(lab, "new");

    make_file(new, text);
    set_size(new, MIB);
    g_assert_cmpint(rename(new, clean), ==, 0);
}

static void
leave_and_replace(Lab *lab)
{
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "left");
    lab_crash(lab, V);
    replace_clean(lab, "good");
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "'virt-reflink discard'");
    lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "'virt-reflink continue'");
    g_assert_true(rl_volume_maintain(lab->pool, V, true, NULL));
    image_is(lab, V, RL_FILE_CLEAN, "good");
    image_is(lab, V, RL_FILE_DIRTY, "left");
}

static void
test_clean_image_put_back(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    leave_and_replace(lab);
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "good");
    image_write(lab, V, RL_FILE_DIRTY, "next");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    assert_revisions(lab, V, "1");

    leave_and_replace(lab);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "left");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "left");
    revision_is(lab, V, "2", "good");
}

/* Neither is one that was saved, or kept since nobody knows how its run ended, until a person says
 * so; and what he said holds for the restore. */
static void
test_clean_image_put_back_below_saved(Lab *lab)
{
    g_autoptr(RlStarted) started = NULL;
    GError *error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "mine");
    g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, &error));
    replace_clean(lab, "good");
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, &error));
    g_assert_null(rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error));
    take_error(error, RL_ERROR_STATE, "another clean image");
    error = NULL;
    g_assert_true(rl_volume_continue(lab->pool, V, &error));
    started = rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error);
    g_assert_no_error(error);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "mine");
    revision_is(lab, V, "1", "good");

    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, &error));
    replace_clean(lab, "good");
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
}

/* Nor is it passed over by a domain that runs meanwhile. */
static void
test_clean_image_put_back_below_running(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "mine");
    replace_clean(lab, "good");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
    image_is(lab, V, RL_FILE_CLEAN, "good");
    image_is(lab, V, RL_FILE_DIRTY, "mine");
    lab_crash(lab, V);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "mine");
    revision_is(lab, V, "1", "good");
}

/* A leftover that says nothing, and a commit that was cut off, are no such thing. */
static void
test_clean_image_that_fits(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "left");
    lab_crash(lab, V);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_BASE, NULL));
    rl_fd_close(&fd);
    replace_clean(lab, "adopted");
    lab_start(lab, V, &alice);
    lab_crash(lab, V);
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "left");
}

/* A saved domain whose memory is gone is one that crashed, whoever asks; also if it has just begun.
 */
static void
test_memory_is_gone_for_all(Lab *lab)
{
    g_autofree char *memory = lab_path(lab, "memory");
    g_autoptr(GError) error = NULL;
    bool done;

    for (int i = 0; i < 3; i++) {
        lab_create(lab, V, "one", MIB);
        lab_start(lab, V, &alice);
        image_write(lab, V, RL_FILE_DIRTY, "two");
        make_file(memory, "of the guest");
        g_assert_true(rl_volume_keep_as(
            lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .file = memory}, &done, NULL));
        g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
        g_assert_false(rl_volume_resize(lab->pool, V, 2 * MIB, false, NULL));
        g_assert_cmpint(unlink(memory), ==, 0);
        g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
        if (i == 0) {
            g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
        } else if (i == 1) {
            lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
            image_is(lab, V, RL_FILE_CLEAN, "two");
        }
        g_assert_true(rl_volume_delete(lab->pool, V, 0, &error));
        g_assert_no_error(error);
    }
}

/* What is missing with its directory may be on a file system that is not mounted. */
static void
test_memory_is_out_of_reach(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "saves"), *away = lab_path(lab, "away");
    g_autofree char *memory = lab_path(lab, "saves/memory");
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    make_file(memory, "of the guest");
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .file = memory}, &done, NULL));
    g_assert_cmpint(rename(dir, away), ==, 0);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
    g_assert_cmpint(mkdir(dir, 0700), ==, 0); /* the place of a mount */
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "saved");
    g_assert_cmpint(rmdir(dir), ==, 0);
    g_assert_cmpint(rename(away, dir), ==, 0);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
    g_assert_cmpint(unlink(memory), ==, 0);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
}

/* A direct volume has one image, and that does not say what it was made from: a second one came
 * from a backup, or with a copy of the pool that was made while its domain ran. */
static void
test_direct_with_two_images(Lab *lab)
{
    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "left");
    replace_clean(lab, "good");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "'virt-reflink continue'");
    lab_crash(lab, V);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
    lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "'virt-reflink continue'");
    image_is(lab, V, RL_FILE_CLEAN, "good");
    image_is(lab, V, RL_FILE_DIRTY, "left");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "left");
    revision_is(lab, V, "1", "good");

    lab_start(lab, V, &alice);
    lab_crash(lab, V);
    replace_clean(lab, "good");
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "good");
}

/* A copy without attributes that an administrator has accepted belongs to the clean image of then.
 */
static void
test_clean_image_put_back_later(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    make_file(dirty, "copied");
    set_size(dirty, MIB);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    replace_clean(lab, "good");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
    lab_crash(lab, V);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "another clean image");
    image_is(lab, V, RL_FILE_CLEAN, "good");
    image_is(lab, V, RL_FILE_DIRTY, "copied");
}

void
add_tests(void)
{
    lab_add("/leftover/smaller-on-purpose", test_smaller_on_purpose);
    lab_add("/leftover/clean-image-put-back", test_clean_image_put_back);
    lab_add("/leftover/clean-image-put-back-below-saved", test_clean_image_put_back_below_saved);
    lab_add("/leftover/clean-image-put-back-below-running",
            test_clean_image_put_back_below_running);
    lab_add("/leftover/clean-image-that-fits", test_clean_image_that_fits);
    lab_add("/leftover/clean-image-put-back-later", test_clean_image_put_back_later);
    lab_add("/leftover/direct-with-two-images", test_direct_with_two_images);
    lab_add("/leftover/memory-is-out-of-reach", test_memory_is_out_of_reach);
    lab_add("/leftover/memory-is-gone-for-all", test_memory_is_gone_for_all);
}
