/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A clean image that was edited at rest is replaced, resized or renamed, or its volume's source is:
 * the state before the edit is kept first. */
#include "common/operation/begin-replacement.h"
#include "common/operation/clone.h"
#include "common/operation/defragment.h"
#include "common/operation/rename.h"
#include "common/operation/resize.h"
#include "common/operation/upload.h"
#include "harness/disturb.h"
#include "unit/operation/edited.h"

#include <string.h>

static void
test_revert(Lab *lab)
{
    g_autoptr(RlStagedImage) made = NULL;
    GError *error = NULL;

    lab_create(lab, V, "zero", MIB);
    lab_options(lab, 1);
    lab_run(lab, V, "one");
    image_write(lab, V, RL_FILE_CLEAN, "two");
    made = rl_clone_make(lab_pool(lab), V "@current", V "@1", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(made->revision, ==, 3);
    assert_revisions(lab, V, "1 2 3");
    revision_is(lab, V, "2", "one");
    revision_is(lab, V, "3", "two");
    image_is(lab, V, RL_FILE_CLEAN, "zero");
}

static void
test_foretold_revert(Lab *lab)
{
    GError *error = NULL;
    RlAccess access = RL_ACCESS_DEFAULT;

    make_edited(lab);
    g_autoptr(RlStagedImage) draft = rl_staged_begin(lab_pool(lab), V "@current", &error);
    g_assert_true(rl_replace_foretell(draft, &error));
    g_assert_cmpuint(draft->revision, ==, 2);
    g_assert_true(rl_staged_open(draft, &access, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "1", "one");
    revision_is(lab, V, "2", "two");
}

static void
test_upload(Lab *lab)
{
    GError *error = NULL;

    make_edited(lab);
    g_autoptr(RlStagedImage) draft = rl_upload_begin(lab_pool(lab), V, &error);
    g_assert_no_error(error);
    g_assert_cmpint(pwrite(draft->fd, "three", 6, 0), ==, 6);
    g_assert_true(rl_upload_commit(draft, 0, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "1", "one");
    revision_is(lab, V, "2", "two");
    image_is(lab, V, RL_FILE_CLEAN, "three");
}

static void
test_resize(Lab *lab)
{
    GError *error = NULL;

    make_edited(lab);
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
    image_is(lab, V, RL_FILE_CLEAN, "two");
    lab_run(lab, V, "three");
    assert_revisions(lab, V, "1 2");
}

static void
test_rename(Lab *lab)
{
    GError *error = NULL;

    make_edited(lab);
    g_assert_true(rl_volume_rename_to(lab->pool, V, "a/b/other", &error));
    g_assert_no_error(error);
    assert_revisions(lab, "a/b/other", "1");
    revision_is(lab, "a/b/other", "1", "one");
}

static void
test_defragment(Lab *lab)
{
    const RlDefragment how = {.rule = {.limit = MIB}};
    RlDefragmented found;
    GError *error = NULL;

    make_edited(lab);
    g_assert_true(rl_volume_defragment(lab->pool, V, &how, &found, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
}

/* --- an edit that comes when it was looked for without the lock, and the lock is taken */

static int
edit(Lab *lab)
{
    image_write(lab, V, RL_FILE_CLEAN, "two");
    return 0;
}

static bool
begin_revert(Lab *lab, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlStagedImage) draft = rl_staged_begin(lab_pool(lab), V "@current", error);

    return draft && rl_staged_open(draft, &access, error);
}

static bool
begin_upload(Lab *lab, GError **error)
{
    g_autoptr(RlStagedImage) draft = rl_upload_begin(lab_pool(lab), V, error);

    return draft;
}

static bool
defragment(Lab *lab, GError **error)
{
    const RlDefragment how = {.rule = {.limit = MIB}};
    RlDefragmented found;

    return rl_volume_defragment(lab->pool, V, &how, &found, error);
}

ATTEMPT(resize, rl_volume_resize(lab->pool, V, 2 * MIB, false, error))
ATTEMPT(rename_it, rl_volume_rename_to(lab->pool, V, "a/b/other", error))
ATTEMPT(put_in_order, rl_volume_maintain(lab->pool, V, false, error))

/* Before the lock @number that @attempt takes. Whatever comes of that, the state before stays. */
static void
try_edited_late(Lab *lab, guint number, Attempt attempt, bool wanted)
{
    Disturbance at = {.nr = SYS_flock, .first = number, .count = 1, .before = edit};
    GError *error = NULL;

    make(lab);
    g_assert_cmpint(disturb(lab, &at, attempt, &error), ==, wanted);
    g_assert_cmpuint(at.made, >=, number);
    if (!wanted)
        take_error(error, RL_ERROR_BUSY, V);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    image_is(lab, V, RL_FILE_PRECACHE, "one");
    lab_start(lab, V, &alice);
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
}

static void
test_late_revert(Lab *lab)
{
    try_edited_late(lab, 1, begin_revert, false);
}

static void
test_late_upload(Lab *lab)
{
    try_edited_late(lab, 1, begin_upload, false);
}

static void
test_late_resize(Lab *lab)
{
    try_edited_late(lab, 1, resize, false);
}

/* It waits for whoever has the volume, and tries once more. */
static void
test_late_rename(Lab *lab)
{
    Disturbance at = {.nr = SYS_flock, .first = 2, .count = 1, .before = edit};
    GError *error = NULL;

    make(lab);
    g_assert_true(disturb(lab, &at, rename_it, &error));
    g_assert_no_error(error);
    assert_revisions(lab, "a/b/other", "1");
    revision_is(lab, "a/b/other", "1", "one");
}

static void
test_late_defragment(Lab *lab)
{
    try_edited_late(lab, 2, defragment, false);
}

/* The first lock is that of all maintenance of the volume. */
static void
test_late_maintenance(Lab *lab)
{
    try_edited_late(lab, 2, put_in_order, true);
}

/* The template's own is kept once, whoever started from it. */
static void
test_a_snapshot_makes_none(Lab *lab)
{
    make(lab);
    lab_create_kind(lab, "a/b/root", RL_KIND_SNAPSHOT, V, NULL, 0);
    maintain(lab, "a/b/root");
    image_write(lab, V, RL_FILE_CLEAN, "two");
    maintain(lab, "a/b/root");
    lab_start(lab, "a/b/root", &alice);
    assert_revisions(lab, "a/b/root", "");
    assert_revisions(lab, V, "");
    maintain(lab, V);
    assert_revisions(lab, V, "1");
}

void
add_tests(void)
{
    lab_add("/replace-edited/revert", test_revert);
    lab_add("/replace-edited/foretold", test_foretold_revert);
    lab_add("/replace-edited/upload", test_upload);
    lab_add("/replace-edited/resize", test_resize);
    lab_add("/replace-edited/rename", test_rename);
    lab_add_on("/replace-edited/defragment", "xfs btrfs", test_defragment);
    lab_add("/replace-edited/late/revert", test_late_revert);
    lab_add("/replace-edited/late/upload", test_late_upload);
    lab_add("/replace-edited/late/resize", test_late_resize);
    lab_add("/replace-edited/late/rename", test_late_rename);
    lab_add_on("/replace-edited/late/defragment", "xfs btrfs", test_late_defragment);
    lab_add("/replace-edited/late/maintain", test_late_maintenance);
    lab_add("/replace-edited/snapshot", test_a_snapshot_makes_none);
}
