/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What was to be read only and was written to is not dropped: neither by a start nor by a stop. */
#include "common/image/only-read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/operation/save.h"
#include "common/operation/start.h"
#include "harness/disturb.h"

#define V "web/iso"
#define WRITTEN "although its domain only reads it"

static void
read_only(Lab *lab, const RlDomainRef *owner)
{
    rl_started_free(lab_start_with(lab, V, owner, RL_START_READONLY));
}

/* The host went down while a domain read it, and @text was written to it since, if not NULL. */
static void
leave(Lab *lab, const char *text)
{
    lab_create(lab, V, "one", MIB);
    read_only(lab, &alice);
    lab_crash(lab, V);
    if (text)
        image_write(lab, V, RL_FILE_DIRTY, text);
}

static void
test_start(Lab *lab)
{
    GError *error = NULL;

    leave(lab, "two");
    for (int i = 0; i < 2; i++) {
        lab_start_fails(lab, V, &bob, RL_ERROR_STATE, WRITTEN);
        lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'virt-reflink continue'");
        g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
        image_is(lab, V, RL_FILE_DIRTY, "two");
    }
    lab_stop(lab, V, NULL, RL_STOP_HELD);
    g_assert_true(rl_volume_continue(lab->pool, V, &error));
    g_assert_no_error(error);
    lab_start(lab, V, &bob);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static void
test_discard(Lab *lab)
{
    leave(lab, "two");
    g_assert_null(rl_volume_start(lab->pool, V, &bob, RL_START_READONLY, NULL));
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    read_only(lab, &bob);
    lab_stop(lab, V, &bob, RL_STOP_DROPPED);
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* What nobody wrote to goes as ever, also where the clean image is another by then. */
static void
test_unwritten(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    leave(lab, NULL);
    lab_start(lab, V, &bob);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
    g_assert_false(run->continued);
    lab_stop(lab, V, &bob, RL_STOP_UNWRITTEN);
    read_only(lab, &alice);
    write_at(clean, 0, "new");
    lab_stop(lab, V, &alice, RL_STOP_DROPPED);
    image_is(lab, V, RL_FILE_CLEAN, "new");
}

static void
test_stop(Lab *lab)
{
    leave(lab, "two");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, WRITTEN);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "'virt-reflink discard'");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* What is kept has no run: it stays kept until a person decides. */
static void
test_kept(Lab *lab)
{
    bool done;

    leave(lab, NULL);
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    image_write(lab, V, RL_FILE_DIRTY, "two");
    for (int i = 0; i < 2; i++)
        lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, WRITTEN);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* A date that is put back, or cut, hides nothing where blocks can be compared. What was written as
 * it was before is no write. */
static void
test_in_doubt(Lab *lab)
{
    const char *const texts[] = {NULL, "one", "two"};
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    time_t then = time(NULL) - 3600;

    lab_create(lab, V, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        set_mtime(clean, then, 0);
        read_only(lab, &alice);
        if (texts[i])
            image_write(lab, V, RL_FILE_DIRTY, texts[i]);
        set_mtime(dirty, then, 0);
        if (i < 2 || !lab->reflinks)
            lab_stop(lab, V, &alice, RL_STOP_DROPPED);
        else
            lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, WRITTEN);
    }
}

/* The version before noted the id of the clean image alone. */
static void
test_older_version(Lab *lab)
{
    for (int written = 0; written < 2; written++) {
        if (!written)
            leave(lab, NULL);
        else
            read_only(lab, &alice);
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_assert_true(rl_xattr_remove(fd, RL_ATTR_BASE_DATE, NULL));
        rl_fd_close(&fd);
        if (written)
            image_write(lab, V, RL_FILE_DIRTY, "two");
        if (written)
            lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, WRITTEN);
        else
            lab_stop(lab, V, &alice, RL_STOP_DROPPED);
    }
}

static void
test_size(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    leave(lab, NULL);
    struct stat before = look(dirty);
    set_size(dirty, 2 * MIB);
    set_mtime(dirty, before.st_mtim.tv_sec, before.st_mtim.tv_nsec);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, WRITTEN);
}

/* What is asked of one image that is open already. */
static RlDirtyImage opened;
static bool written;

ATTEMPT(is_written, rl_only_read_is_written(&opened, NULL, &written, error))

static void
open_image(const RlVolume *volume)
{
    rl_dirty_image_close(&opened);
    written = false;
    g_assert_true(rl_dirty_image_open(volume, &opened, NULL));
}

/* A volume that is only read, with dates that say nothing: as if it was put back to the clean
 * image's. */
static RlVolume *
in_doubt(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    time_t then = time(NULL) - 3600;

    lab_create(lab, V, "one", MIB);
    set_mtime(clean, then, 0);
    read_only(lab, &alice);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    image_write(lab, V, RL_FILE_DIRTY, "one");
    set_mtime(dirty, then, 0);
    return rl_volume_open(lab->pool, V, NULL);
}

/* What cannot be looked at is an error, or is taken for written: it is not dropped. */
static void
test_calls_fail(Lab *lab)
{
    g_autoptr(RlVolume) volume = in_doubt(lab);

    open_image(volume);
    g_assert_true(is_written(lab, NULL));
    g_assert_false(written);
    fails_without(lab, SYS_openat, is_written);
    fails_without(lab, SYS_fgetxattr, is_written);
    if (lab->reflinks)
        fails_without(lab, SYS_ioctl, is_written);
    for (guint number = 1; lab->reflinks && number <= 2; number++) {
        Disturbance reads = {.nr = SYS_pread64, .first = number, .count = 1, .code = EIO};
        written = false;
        g_assert_true(disturb(lab, &reads, is_written, NULL));
        g_assert_cmpuint(reads.made, ==, number);
        g_assert_true(written);
    }
    rl_dirty_image_close(&opened);
}

/* Blocks that were allocated and say nothing may be too many to be read: then date and size
 * decide. */
static void
test_too_many_blocks(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    const off_t size = 80 * (off_t) MIB;
    time_t then = time(NULL) - 3600;

    lab_create(lab, V, "one", (uint64_t) size);
    set_mtime(clean, then, 0);
    read_only(lab, &alice);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_cmpint(fallocate(fd, 0, (off_t) MIB, size - (off_t) MIB), ==, 0);
    rl_fd_close(&fd);
    set_mtime(dirty, then, 0);
    lab_stop(lab, V, &alice, RL_STOP_DROPPED);
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* A whole second is a cut date only of the same second. */
static void
test_another_whole_second(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    leave(lab, NULL);
    set_mtime(dirty, look(dirty).st_mtim.tv_sec + 5, 0);
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, WRITTEN);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
}

/* Without a clean image the date that was noted decides; where none was, it is taken for written.
 */
static void
test_no_clean_image(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *away = lab_path(lab, "web/away");

    leave(lab, NULL);
    g_assert_cmpint(rename(clean, away), ==, 0);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    open_image(volume);
    g_assert_true(is_written(lab, NULL));
    g_assert_false(written);
    g_assert_true(rl_xattr_remove(opened.fd, RL_ATTR_BASE_DATE, NULL));
    open_image(volume);
    g_assert_true(is_written(lab, NULL));
    g_assert_true(written);
    rl_dirty_image_close(&opened);
}

/* One that somebody writes to, and that has no identity yet, is not waited for. */
static void
test_clean_image_is_written(Lab *lab)
{
    leave(lab, NULL);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_ID, NULL));
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    open_image(volume);
    g_assert_true(is_written(lab, NULL));
    g_assert_false(written);
    rl_dirty_image_close(&opened);
}

/* Nothing is noted of what it was made from: as it can be told it is judged by the clean image's
 * date only where that is its own. */
static void
test_no_base(Lab *lab)
{
    leave(lab, NULL);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    open_image(volume);
    g_assert_true(rl_xattr_remove(opened.fd, RL_ATTR_BASE, NULL));
    open_image(volume);
    g_assert_true(is_written(lab, NULL));
    g_assert_false(written);
    g_assert_true(rl_xattr_remove(opened.fd, RL_ATTR_BASE_DATE, NULL));
    open_image(volume);
    g_assert_true(is_written(lab, NULL));
    g_assert_true(written);
    rl_dirty_image_close(&opened);
}

ATTEMPT(stop_alice, try_stop(lab, V, &alice, error))

/* That it is suspect cannot be noted: the stop fails all the same, and the next one finds it. */
static void
test_mark_fails(Lab *lab)
{
    leave(lab, "two");
    fails_without(lab, SYS_fsetxattr, stop_alice);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, WRITTEN);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* Nor can it be made durable: the mark stays. */
static void
test_sync_fails(Lab *lab)
{
    Disturbance of_the_mark = {.nr = SYS_fsync, .first = 2, .count = 1, .code = EIO};
    GError *error = NULL;

    leave(lab, "two");
    g_assert_false(disturb(lab, &of_the_mark, stop_alice, &error));
    take_errno(error, EIO, "'" V "' & suspect");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
}

void
add_tests(void)
{
    lab_add("/only-read/calls-fail", test_calls_fail);
    lab_add_on("/only-read/too-many-blocks", "xfs btrfs", test_too_many_blocks);
    lab_add("/only-read/another-whole-second", test_another_whole_second);
    lab_add("/only-read/no-clean-image", test_no_clean_image);
    lab_add("/only-read/clean-image-is-written", test_clean_image_is_written);
    lab_add("/only-read/no-base", test_no_base);
    lab_add("/only-read/mark-fails", test_mark_fails);
    lab_add("/only-read/sync-fails", test_sync_fails);
    lab_add("/only-read/start", test_start);
    lab_add("/only-read/discard", test_discard);
    lab_add("/only-read/unwritten", test_unwritten);
    lab_add("/only-read/stop", test_stop);
    lab_add("/only-read/kept", test_kept);
    lab_add("/only-read/in-doubt", test_in_doubt);
    lab_add("/only-read/older-version", test_older_version);
    lab_add("/only-read/size", test_size);
}
