/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Somebody edits a clean image at rest: the state before is kept, from the precache. */
#include "common/operation/before-edit.h"

#include "common/base/autofd.h"
#include "common/format/image-copy.h"
#include "common/format/image-id.h"
#include "common/format/image-made.h"
#include "common/fs/xattr.h"
#include "common/operation/begin-replacement.h"
#include "common/operation/defragment.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "harness/disturb.h"
#include "unit/operation/edited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
test_a_start_keeps_it(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    make(lab);
    time_t before = look(clean).st_mtim.tv_sec;
    image_write(lab, V, RL_FILE_CLEAN, "two");
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
    g_autofree char *path = revision_path(lab, V, "1");
    g_assert_cmpint(look(path).st_mtim.tv_sec, ==, before);
    g_assert_cmpint(look(path).st_mtim.tv_nsec, ==, 123456789);
    g_assert_true(strstr(path, "private.img.1@"));
    image_write(lab, V, RL_FILE_DIRTY, "three");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "1", "one");
    revision_is(lab, V, "2", "two");
    image_is(lab, V, RL_FILE_CLEAN, "three");
}

/* A number that was noted a moment ago is believed without a look at the names. */
static void
test_no_number_is_given_twice(Lab *lab)
{
    make(lab);
    lab_run(lab, V, "two");
    image_write(lab, V, RL_FILE_CLEAN, "three");
    lab_run(lab, V, "four");
    assert_revisions(lab, V, "1 2 3");
    revision_is(lab, V, "1", "one");
    revision_is(lab, V, "2", "two");
    revision_is(lab, V, "3", "three");
}

static void
test_it_says_what_it_is(Lab *lab)
{
    g_autofree char *clean_id = NULL, *id = NULL, *since = NULL, *clean_since = NULL, *base = NULL;
    struct stat before;

    make(lab);
    lab_run(lab, V, "two"); /* a commit notes since when the image is a clean one */
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    g_assert_cmpint(unlink(precache), ==, 0);
    set_mtime(clean, time(NULL) - 30, 5);
    maintain(lab, V);
    before = look(clean);
    image_write(lab, V, RL_FILE_CLEAN, "three");
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_KEPT);
    g_autofree char *path = revision_path(lab, V, "2");
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC),
                  fd_clean = open(clean, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_image_id_get(fd, &id, NULL));
    g_assert_true(rl_image_id_get(fd_clean, &clean_id, NULL));
    g_assert_nonnull(id);
    g_assert_cmpstr(id, !=, clean_id);
    g_autofree char *date = rl_image_base_date(&before);
    const RlImageBase state = {clean_id, date};
    g_assert_true(rl_image_copy_is(fd, &state));
    g_assert_true(rl_xattr_get(fd, RL_ATTR_CLEAN_SINCE, &since, NULL));
    g_assert_true(rl_xattr_get(fd_clean, RL_ATTR_CLEAN_SINCE, &clean_since, NULL));
    g_assert_nonnull(clean_since);
    g_assert_nonnull(since);
    g_assert_true(rl_xattr_get(fd, RL_ATTR_BASE, &base, NULL));
    g_assert_null(base);
}

/* Its device model had written to it, and put the date back. */
static void
test_one_that_a_domain_had_says_nothing(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    g_autofree char *id = NULL;

    make(lab);
    set_mtime(clean, time(NULL) - 30, 5);
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    g_assert_cmpint(unlink(precache), ==, 0);
    maintain(lab, V);
    struct stat before = look(clean);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "bad");
    set_mtime(dirty, before.st_mtim.tv_sec, before.st_mtim.tv_nsec);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    image_write(lab, V, RL_FILE_CLEAN, "two");
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_KEPT);
    revision_is(lab, V, "1", "bad");
    g_autofree char *path = revision_path(lab, V, "1");
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC),
                  fd_clean = open(clean, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_image_id_get(fd_clean, &id, NULL));
    g_autofree char *date = rl_image_base_date(&before);
    const RlImageBase state = {id, date};
    g_assert_false(rl_image_copy_is(fd, &state));
}

/* Without a precache in between a second edit makes no second one; with one it does. */
static void
test_once_an_edit(Lab *lab)
{
    make_edited(lab);
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_KEPT);
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_NONE);
    image_write(lab, V, RL_FILE_CLEAN, "three");
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_NONE);
    assert_revisions(lab, V, "1");
    maintain(lab, V);
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
    for (int i = 0; i < 3; i++)
        maintain(lab, V);
    assert_revisions(lab, V, "1");
    image_write(lab, V, RL_FILE_CLEAN, "four");
    maintain(lab, V);
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "2", "three");
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "four");
}

/* A date alone is no edit, where blocks tell. */
static void
test_a_date_is_no_edit(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    make(lab);
    for (int i = 1; i <= 3; i++) {
        set_mtime(clean, time(NULL) - 10 * i, i);
        maintain(lab, V);
        assert_revisions(lab, V, "");
    }
    /* As a backup program cuts it. */
    set_mtime(clean, look(clean).st_mtim.tv_sec, 0);
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_NONE);
    lab_start(lab, V, &alice);
    assert_revisions(lab, V, "");
}

static void
test_a_shorter_image_is_edited(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    make(lab);
    set_size(clean, MIB / 2);
    set_mtime(clean, 1000, 5);
    lab_start(lab, V, &alice);
    assert_revisions(lab, V, "1");
    g_autofree char *path = revision_path(lab, V, "1");
    g_assert_cmpint(look(path).st_size, ==, MIB);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB / 2);
}

/* A date of before, or after all calendars, makes one revision as any other. */
static void
test_odd_dates(Lab *lab)
{
    static const time_t dates[] = {1, 4102444800};
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    make(lab);
    for (size_t i = 0; i < G_N_ELEMENTS(dates); i++) {
        g_autofree char *text = g_strdup_printf("text %zu", i);
        image_write(lab, V, RL_FILE_CLEAN, text);
        set_mtime(clean, dates[i], 7);
        for (int j = 0; j < 3; j++)
            maintain(lab, V);
    }
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "1", "one");
    revision_is(lab, V, "2", "text 0");
}

static void
test_as_many_as_are_kept(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    make_edited(lab);
    lab_options(lab, 0);
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_NONE);
    maintain(lab, V);
    assert_revisions(lab, V, "");
    lab_options(lab, 2);
    for (int i = 0; i < 4; i++) {
        g_autofree char *text = g_strdup_printf("text %d", i);
        image_write(lab, V, RL_FILE_CLEAN, text);
        set_mtime(clean, time(NULL) - 30 + i, 7);
        if (i % 2)
            maintain(lab, V);
        lab_start(lab, V, &alice);
        lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
        maintain(lab, V);
    }
    assert_revisions(lab, V, "3 4");
    revision_is(lab, V, "3", "text 1");
    revision_is(lab, V, "4", "text 2");
}

/* Each day's is kept, and no number of them. */
/* What an overlay lies on, or saved memory has read, is not pruned: they know it as it was. */
static void
test_a_layer_stays(Lab *lab)
{
    make(lab);
    lab_options(lab, 1);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    rl_autofd int fd = open(clean, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_LAYER, "1", NULL));
    image_write(lab, V, RL_FILE_CLEAN, "two");
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_KEPT);
    for (int i = 0; i < 3; i++) {
        g_autofree char *text = g_strdup_printf("%d", i);
        lab_run(lab, V, text);
        g_assert_true(rl_volume_maintain(lab->pool, V, true, NULL));
    }
    revision_is(lab, V, "1", "one");
}

static void
test_kept_by_date(Lab *lab)
{
    static const RlRetention ways[] = {{.hourly = 1}, {.daily = 1}, {.weekly = 1}};

    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        make_edited(lab);
        g_autoptr(RlOptions) options = rl_options_copy(lab->pool->options);
        options->keep = ways[i];
        g_assert_true(rl_pool_set_options(lab->pool, options, NULL));
        maintain(lab, V);
        assert_revisions(lab, V, "1");
        g_assert_true(rl_volume_delete(lab->pool, V, 0, NULL));
    }
}

/* Who only asks changes nothing. */
static void
test_asked(Lab *lab)
{
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);

    make(lab);
    g_autoptr(RlVolume) unedited = rl_volume_open(lab->pool, V, NULL);
    g_assert_false(rl_edit_may_be(unedited) && rl_edit_is(unedited));
    image_write(lab, V, RL_FILE_CLEAN, "two");
    g_autoptr(RlVolume) edited = rl_volume_open(lab->pool, V, NULL);
    g_assert_true(rl_edit_may_be(edited));
    g_assert_true(rl_edit_is(edited));
    assert_revisions(lab, V, "");
    g_assert_cmpint(unlink(precache), ==, 0);
    g_assert_false(rl_edit_is(edited));
}

static void
not_kept(Lab *lab)
{
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_NONE);
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    assert_revisions(lab, V, "");
}

static void
test_a_precache_that_was_written(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    make_edited(lab);
    image_write(lab, V, RL_FILE_PRECACHE, "x");
    set_mtime(clean, time(NULL) - 5, 9);
    not_kept(lab);
}

static void
test_a_precache_of_another_size(Lab *lab)
{
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);

    make(lab);
    struct stat st = look(precache);
    set_size(precache, MIB / 2);
    set_mtime(precache, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    image_write(lab, V, RL_FILE_CLEAN, "two");
    not_kept(lab);
}

static void
test_a_precache_with_a_second_name(Lab *lab)
{
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    g_autofree char *other = lab_path(lab, "a/b/other");

    make_edited(lab);
    g_assert_cmpint(link(precache, other), ==, 0);
    not_kept(lab);
}

static void
test_a_precache_that_is_written_to(Lab *lab)
{
    make_edited(lab);
    rl_autofd int fd = image_open(lab, V, RL_FILE_PRECACHE, O_RDWR);
    g_assert_cmpint(fd, >=, 0);
    not_kept(lab);
}

/* Of the version before. */
static void
test_a_precache_without_notes(Lab *lab)
{
    static const char *const keys[] = {RL_ATTR_BASE, RL_ATTR_BASE_DATE, RL_ATTR_MADE};

    make_edited(lab);
    rl_autofd int fd = image_open(lab, V, RL_FILE_PRECACHE, O_RDONLY);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *value = NULL;
        g_assert_true(rl_xattr_get(fd, keys[i], &value, NULL));
        g_assert_true(rl_xattr_remove(fd, keys[i], NULL));
        g_assert_cmpint(keep(lab, V), ==, RL_EDIT_NONE);
        g_assert_true(rl_xattr_set(fd, keys[i], value, NULL));
    }
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_KEPT);
}

static void
forget_mounting(const char *path)
{
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autofree char *made = NULL;

    g_assert_true(rl_xattr_get(fd, RL_ATTR_MADE, &made, NULL));
    const char *inodes = strchr(made, '/');
    g_autofree char *old = g_strconcat("another 1", inodes ? inodes : "", NULL);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_MADE, old, NULL));
}

/* As `cp -a` makes one: it may have been copied while it became a dirty image. */
static void
test_a_precache_that_is_a_copy(Lab *lab)
{
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    g_autofree char *copy = lab_path(lab, "a/b/copy");
    const char *const argv[] = {"cp", "-a", precache, copy, NULL};

    make_edited(lab);
    forget_mounting(precache);
    g_assert_true(g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, NULL, NULL));
    g_autofree char *aside = lab_path(lab, "a/b/aside");
    g_assert_cmpint(rename(precache, aside), ==, 0);
    g_assert_cmpint(rename(copy, precache), ==, 0);
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_NONE);
    g_assert_cmpint(rename(aside, precache), ==, 0);
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_KEPT);
}

/* A program that reads names first and files later has made it. */
static void
test_a_precache_that_is_torn(Lab *lab)
{
    make_edited(lab);
    lab_create(lab, "a/b/other", "x", MIB);
    lab_start(lab, "a/b/other", &alice);
    rl_autofd int running = image_open(lab, "a/b/other", RL_FILE_DIRTY, O_RDONLY);
    rl_autofd int fd = image_open(lab, V, RL_FILE_PRECACHE, O_RDONLY);
    g_autofree char *run = NULL;
    g_assert_true(rl_xattr_get(running, RL_ATTR_RUN, &run, NULL));
    g_assert_true(rl_xattr_set(fd, RL_ATTR_RUN, run, NULL));
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_NONE);
    /* But a start that was cut off leaves its own. */
    g_assert_true(rl_image_owner_set(fd, &alice, (RlOwnerTraits){0}, NULL));
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_KEPT);
    g_autofree char *path = revision_path(lab, V, "1"), *left = NULL;
    rl_autofd int kept = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_true(rl_xattr_get(kept, RL_ATTR_RUN, &left, NULL));
    g_assert_null(left);
}

/* Not the state before, but one of before that. */
static void
test_another_clean_image(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    make(lab);
    g_assert_cmpint(unlink(clean), ==, 0);
    make_file(clean, "two");
    set_size(clean, MIB);
    not_kept(lab);
}

static void
copy_over(const char *from, const char *to)
{
    const char *const argv[] = {"cp", "-a", from, to, NULL};
    int status;

    g_assert_true(g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
}

/* A revision, or a backup, was put over the file: attributes and date are that one's, too. Which
 * file it was the precache knows of a reflink alone. */
static void
test_a_copy_over_it(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    make(lab);
    lab_run(lab, V, "two");
    maintain(lab, V);
    g_autofree char *first = revision_path(lab, V, "1");
    g_autofree char *date = rl_image_base_date(
        &(struct stat){.st_size = look(clean).st_size, .st_mtim = look(clean).st_mtim});
    rl_autofd int fd_clean = open(clean, O_RDONLY | O_CLOEXEC);
    g_autofree char *id = NULL;
    g_assert_true(rl_image_id_get(fd_clean, &id, NULL));
    copy_over(first, clean);
    image_is(lab, V, RL_FILE_CLEAN, "one");
    if (!lab->reflinks) {
        g_assert_cmpint(keep(lab, V), ==, RL_EDIT_NONE);
        return;
    }
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "one");
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "2", "two");
    g_autofree char *path = revision_path(lab, V, "2");
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    const RlImageBase state = {id, date};
    g_assert_true(rl_image_copy_is(fd, &state));
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    lab_run(lab, V, "three");
    assert_revisions(lab, V, "1 2 3");
}

static void
test_while_it_is_edited(Lab *lab)
{
    make_edited(lab);
    {
        rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
        const RlDefragment how = {.rule = {.limit = MIB}};
        RlDefragmented found;
        GError *error = NULL;
        g_assert_cmpint(writer, >=, 0);
        g_assert_cmpint(keep(lab, V), ==, RL_EDIT_LATER);
        maintain(lab, V);
        lab_start_fails(lab, V, &alice, RL_ERROR_BUSY, "writing");
        if (lab->reflinks) {
            g_assert_false(rl_volume_defragment(lab->pool, V, &how, &found, &error));
            take_error(error, RL_ERROR_BUSY, "writing");
        }
        g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
        assert_revisions(lab, V, "");
    }
    maintain(lab, V);
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
}

/* A replacement was cut off, or is under way, and the clean image is its next revision: edited, it
 * is no state of before. */
static void
test_beside_half_a_replacement(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *second = lab_path(lab, "a/b/private.img.1@2018-01-02T05:06:07Z");

    make_edited(lab);
    g_assert_cmpint(link(clean, second), ==, 0);
    {
        rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
        g_assert_cmpint(writer, >=, 0);
        g_assert_cmpint(keep(lab, V), ==, RL_EDIT_LATER);
        assert_revisions(lab, V, "1");
    }
    lab_run(lab, V, "three");
    assert_revisions(lab, V, "2 3");
    revision_is(lab, V, "2", "one");
    revision_is(lab, V, "3", "two");
}

static void
test_during_a_replacement(Lab *lab)
{
    GError *error = NULL;
    RlAccess access = RL_ACCESS_DEFAULT;

    make(lab);
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), V "@current", &access, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(draft->revision, ==, 1);
    image_write(lab, V, RL_FILE_CLEAN, "two");
    maintain(lab, V);
    assert_revisions(lab, V, "2");
    g_assert_false(rl_staged_replace(draft, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "changed meanwhile");
    g_clear_pointer(&draft, rl_staged_free);
    assert_revisions(lab, V, "2");
    revision_is(lab, V, "2", "one");
    image_is(lab, V, RL_FILE_CLEAN, "two");
    lab_run(lab, V, "three");
    assert_revisions(lab, V, "2 3");
}

/* --- What fails */

ATTEMPT(keep_it, ({
            g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
            RlEdit edit;
            rl_edit_keep(volume, &edit, error);
        }))

static void
test_fails(Lab *lab)
{
    static const long calls[] = {SYS_fsync, SYS_fsetxattr, SYS_renameat2};

    make_edited(lab);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        fails_without(lab, calls[i], keep_it);
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_KEPT);
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
}

/* Of two that come at once the second finds no precache any more. */
static void
test_somebody_is_faster(Lab *lab)
{
    GError *error = NULL;
    RlEdit edit;

    make_edited(lab);
    g_autoptr(RlVolume) late = rl_volume_open(lab->pool, V, NULL);
    g_assert_cmpint(keep(lab, V), ==, RL_EDIT_KEPT);
    g_assert_true(rl_edit_keep(late, &edit, &error));
    g_assert_no_error(error);
    g_assert_cmpint(edit, ==, RL_EDIT_NONE);
    assert_revisions(lab, V, "1");
}

/* Who drops the precache, or replaces the clean image, looks at both anew. */
static void
test_required_to_be_none(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);
    GError *error = NULL;

    make(lab);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    g_assert_true(rl_edit_require_none(volume, NULL));
    image_write(lab, V, RL_FILE_CLEAN, "two");
    g_assert_false(rl_edit_require_none(volume, &error));
    take_error(error, RL_ERROR_BUSY, "'" V "' & edited");
    error = NULL;
    g_assert_cmpint(unlink(precache), ==, 0);
    g_assert_false(rl_edit_require_none(volume, &error));
    take_errno(error, ENOENT, "'" V "'");
    g_autoptr(RlVolume) without = rl_volume_open(lab->pool, V, NULL);
    g_assert_true(rl_edit_require_none(without, NULL));
    error = NULL;
    maintain(lab, V);
    g_autoptr(RlVolume) later = rl_volume_open(lab->pool, V, NULL);
    g_assert_cmpint(unlink(clean), ==, 0);
    g_assert_false(rl_edit_require_none(later, &error));
    take_errno(error, ENOENT, "'" V "'");
    g_autoptr(RlVolume) gone = rl_volume_open(lab->pool, V, NULL);
    g_assert_true(rl_edit_require_none(gone, NULL));
}

void
add_tests(void)
{
    lab_add("/before-edit/start", test_a_start_keeps_it);
    lab_add("/before-edit/numbers", test_no_number_is_given_twice);
    lab_add("/before-edit/notes", test_it_says_what_it_is);
    lab_add("/before-edit/one-that-a-domain-had", test_one_that_a_domain_had_says_nothing);
    lab_add("/before-edit/once", test_once_an_edit);
    lab_add_on("/before-edit/date-alone", "xfs btrfs", test_a_date_is_no_edit);
    lab_add("/before-edit/shorter", test_a_shorter_image_is_edited);
    lab_add("/before-edit/odd-dates", test_odd_dates);
    lab_add("/before-edit/keep", test_as_many_as_are_kept);
    lab_add("/before-edit/layer", test_a_layer_stays);
    lab_add("/before-edit/keep-by-date", test_kept_by_date);
    lab_add("/before-edit/asked", test_asked);
    lab_add("/before-edit/written-precache", test_a_precache_that_was_written);
    lab_add("/before-edit/other-size", test_a_precache_of_another_size);
    lab_add("/before-edit/second-name", test_a_precache_with_a_second_name);
    lab_add("/before-edit/open-precache", test_a_precache_that_is_written_to);
    lab_add("/before-edit/no-notes", test_a_precache_without_notes);
    lab_add("/before-edit/copy", test_a_precache_that_is_a_copy);
    lab_add("/before-edit/torn", test_a_precache_that_is_torn);
    lab_add("/before-edit/other-image", test_another_clean_image);
    lab_add("/before-edit/copy-over", test_a_copy_over_it);
    lab_add("/before-edit/writer", test_while_it_is_edited);
    lab_add("/before-edit/half-committed", test_beside_half_a_replacement);
    lab_add("/before-edit/during-a-replacement", test_during_a_replacement);
    lab_add("/before-edit/fails", test_fails);
    lab_add("/before-edit/faster", test_somebody_is_faster);
    lab_add("/before-edit/none", test_required_to_be_none);
}
