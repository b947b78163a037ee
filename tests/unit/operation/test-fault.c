/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* What the sweep of faults (tests/fault) has found: system calls that fail, and what must not be
 * concluded from that. */
#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/fs/dir-iter.h"
#include "common/fs/xattr.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/pool/scan.h"
#include "common/pool/volume-state.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define V "a/b/private"
#define DIRECT "a/b/direct"

static bool
list_revisions(Lab *lab, GError **error)
{
    g_autofree char *path = lab_path(lab, "a/b");
    rl_autofd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GPtrArray) revisions = rl_revisions_list(dir, "private", error);

    return revisions != NULL;
}

static bool
scan(Lab *lab, GError **error)
{
    g_autoptr(GPtrArray) listed = rl_scan(lab->pool, error);

    return listed != NULL;
}

/* A revision that is not seen would have its number given twice, and would stay when its volume is
 * deleted. */
static void
test_revisions_are_all_or_an_error(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    fails_without(lab, SYS_getdents64, list_revisions);
    fails_without(lab, SYS_newfstatat, list_revisions);
    fails_without(lab, SYS_getdents64, scan);
}

static bool
open_direct(Lab *lab, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, DIRECT, error);

    return volume != NULL;
}

/* A direct volume that was taken for a persistent one would be cloned where it is to be renamed. */
static void
test_no_kind_without_the_record(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    fails_without(lab, SYS_openat, open_direct);
    fails_without(lab, SYS_read, open_direct);
}

/* What was opened before nothing could be opened any more. */
static int image;

static bool
set_run(Lab *lab, GError **error)
{
    (void) lab;
    return rl_image_owner_set(image, &alice, (RlOwnerTraits){0}, error);
}

static bool
take_from_alice(Lab *lab, GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;
    RlDomainRef earlier = alice;

    (void) lab;
    earlier.until_us = 1;
    if (!rl_image_owner_get(image, &run, NULL) || !run || !rl_image_owner_is_fresh(run) ||
        rl_image_owner_is_of(run, &earlier))
        return true;
    return rl_fail(error, RL_ERROR_BUSY, "as it should be");
}

/* Without the boot's id a run that has just begun looked like one of an earlier boot: another
 * domain could have its image. */
static void
test_no_run_without_the_boot(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    image = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    fails_without(lab, SYS_openat, set_run);
    rl_fd_close(&image);
    lab_start(lab, V, &alice);
    image = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    fails_without(lab, SYS_openat, take_from_alice);
    rl_fd_close(&image);
}

ATTEMPT(stop_alice, try_stop(lab, V, &alice, error))

static bool
unstart_alice(Lab *lab, GError **error)
{
    RlStarted started = {.volume = (char *) V};

    return rl_volume_unstart(lab->pool, &started, &alice, error);
}

/* What failed can be tried again: it still is that domain's run. */
static void
test_a_stop_that_failed_is_tried_again(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    fails_without(lab, SYS_linkat, stop_alice);
    fails_without(lab, SYS_renameat, stop_alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    assert_revisions(lab, V, "1");
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static void
test_unwritten_as_well(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    fails_without(lab, SYS_renameat, stop_alice);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    lab_start(lab, V, &alice);
    fails_without(lab, SYS_renameat, unstart_alice);
    g_assert_true(image_is_there(lab, V, RL_FILE_DIRTY));
    g_assert_true(unstart_alice(lab, &error));
    g_assert_no_error(error);
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
}

/* Nor is one of which it is in doubt whether it was written to, and the blocks cannot be told. */
static void
test_unstart_in_doubt(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    set_mtime(clean, time(NULL) - 3600, 0);
    lab_start(lab, V, &alice);
    fails_without(lab, SYS_ioctl, unstart_alice);
    g_assert_true(image_is_there(lab, V, RL_FILE_DIRTY));
    g_assert_true(unstart_alice(lab, NULL));
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
}

/* Nor is a run that is in doubt said to have written nothing. */
static void
test_stop_in_doubt(Lab *lab)
{
    Disturbance maps = {.nr = SYS_ioctl, .first = 1, .code = EIO};
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    set_mtime(clean, time(NULL) - 3600, 0);
    lab_start(lab, V, &alice);
    g_assert_true(disturb(lab, &maps, stop_alice, &error));
    g_assert_no_error(error);
    g_assert_cmpint(maps.made, >, 0);
    assert_revisions(lab, V, "1");
}

/* An image whose clean one cannot be looked at is not put away, nor said to be. */
static void
test_unstart_needs_the_clean_image(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *away = lab_path(lab, "a/b/away");
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_assert_cmpint(rename(clean, away), ==, 0);
    g_assert_false(unstart_alice(lab, &error));
    take_error(error, RL_ERROR_STATE, "no clean");
    g_assert_cmpint(rename(away, clean), ==, 0);
    g_assert_true(unstart_alice(lab, NULL));
}

ATTEMPT(grow, rl_volume_resize(lab->pool, V, 2 * MIB, false, error))
ATTEMPT(shrink, rl_volume_resize(lab->pool, V, 64 * KIB, false, error))

static void
is_suspect(Lab *lab)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    RlState state;

    g_assert_true(rl_state_get(volume, &state, NULL, NULL));
    g_assert_cmpstr(rl_state_to_string(state), ==, "suspect");
}

/* The kernel reports a guest's lost write once, to whoever comes first with an fsync. */
static void
test_a_resize_may_be_told_of_a_lost_write(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    fails_without(lab, SYS_fsync, grow);
    is_suspect(lab);
}

static void
test_a_shrinking_one_too(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    fails_without(lab, SYS_fsync, shrink);
    is_suspect(lab);
}

/* The mark is made durable as well: after a power cut it would be an image like any other. */
static void
test_suspect_is_durable(Lab *lab)
{
    Disturbance first_one = {.nr = SYS_fsync, .first = 1, .count = 1, .code = EIO};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_false(disturb(lab, &first_one, stop_alice, &error));
    take_errno(error, EIO, "marked suspect");
    g_assert_cmpuint(first_one.made, ==, 2);
    is_suspect(lab);
}

static bool
is_marked(Lab *lab)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    RlMark hold;

    g_assert_true(rl_mark_get(fd, &hold, NULL));
    return hold == RL_MARK_SUSPECT;
}

/* A disk that is full loses writes, and takes no mark. That it lost them is not said twice. */
static void
test_suspect_without_space_for_the_mark(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    for (int i = 0; i < 2; i++) {
        Disturbance full = {
            .nr = SYS_fsync, .also = SYS_fsetxattr, .first = 1, .count = 3, .code = ENOSPC};
        error = NULL;
        lab_start(lab, V, &alice);
        image_write(lab, V, RL_FILE_DIRTY, "two");
        g_assert_false(disturb(lab, &full, stop_alice, &error));
        take_errno(error, ENOSPC, V);
        g_assert_false(is_marked(lab));
        is_suspect(lab);
        lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "suspect");
        if (i == 0)
            lab_stop(lab, V, &alice, RL_STOP_HELD); /* there is space now */
        g_assert_cmpint(is_marked(lab), ==, i == 0);
        is_suspect(lab);
        g_assert_true(rl_volume_continue(lab->pool, V, NULL));
        g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
        lab_start(lab, V, &alice);
        lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    }
}

static bool
clear_hold(Lab *lab, GError **error)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);

    return rl_mark_clear(fd, error);
}

static bool
keep(Lab *lab, GError **error)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);

    return rl_mark_set(fd, RL_MARK_KEPT, error);
}

/* What belongs to a mark goes before it: a failure in between has changed nothing. */
static void
test_marks_change_last(Lab *lab)
{
    RlMark hold;

    lab_create(lab, V, "one", MIB);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_mark_set_file(fd, "/some/file", NULL));
    g_assert_true(rl_mark_set(fd, RL_MARK_RESTORED, NULL));
    fails_without(lab, SYS_fremovexattr, clear_hold);
    fails_without(lab, SYS_fremovexattr, keep);
    g_assert_true(rl_mark_get(fd, &hold, NULL));
    g_assert_cmpint(hold, ==, RL_MARK_RESTORED);
}

ATTEMPT(go_on, rl_volume_continue(lab->pool, V, error))

/* The mark is changed, and the run still there: that it began a moment ago is no reason to wait. */
static void
test_a_decision_that_failed_is_tried_again(Lab *lab)
{
    Disturbance at_the_run = {.nr = SYS_fremovexattr, .first = 3, .count = 1, .code = EIO};
    GError *error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, NULL));
    g_assert_false(disturb(lab, &at_the_run, go_on, &error));
    take_errno(error, EIO, "");
    g_assert_true(go_on(lab, NULL));
    lab_start(lab, V, &bob);
}

/* Of a marker that was written when the machine went down. */
static void
test_markers_are_swept(Lab *lab)
{
    g_autofree char *left = lab_path(lab, RL_POOL_MARKER "~0123ab"),
                    *busy = lab_path(lab, RL_POOL_MARKER "~0123ac");

    make_file(left, "");
    make_file(busy, "");
    {
        rl_autofd int writer = open(busy, O_RDWR | O_CLOEXEC);
        lab_options(lab, 2);
    }
    g_assert_false(is_there(left));
    g_assert_true(is_there(busy));
    lab_options(lab, 3);
    g_assert_false(is_there(busy));
}

void
add_tests(void)
{
    static const char both[] = "xfs btrfs";

    lab_add_on("/fault/revisions-are-all-or-an-error", both, test_revisions_are_all_or_an_error);
    lab_add_on("/fault/no-kind-without-the-record", both, test_no_kind_without_the_record);
    lab_add_on("/fault/no-run-without-the-boot", both, test_no_run_without_the_boot);
    lab_add_on("/fault/a-stop-that-failed-is-tried-again", both,
               test_a_stop_that_failed_is_tried_again);
    lab_add_on("/fault/unwritten-as-well", both, test_unwritten_as_well);
    lab_add_on("/fault/unstart-needs-the-clean-image", both, test_unstart_needs_the_clean_image);
    lab_add_on("/fault/unstart-in-doubt", both, test_unstart_in_doubt);
    lab_add_on("/fault/stop-in-doubt", both, test_stop_in_doubt);
    lab_add_on("/fault/a-resize-may-be-told-of-a-lost-write", both,
               test_a_resize_may_be_told_of_a_lost_write);
    lab_add_on("/fault/a-shrinking-one-too", both, test_a_shrinking_one_too);
    lab_add_on("/fault/marks-change-last", both, test_marks_change_last);
    lab_add_on("/fault/a-decision-that-failed-is-tried-again", both,
               test_a_decision_that_failed_is_tried_again);
    lab_add_on("/fault/markers-are-swept", both, test_markers_are_swept);
    lab_add("/fault/suspect-is-durable", test_suspect_is_durable);
    lab_add("/fault/suspect-without-space-for-the-mark", test_suspect_without_space_for_the_mark);
}
