/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/operation/staged-image.h"

#include "common/base/autofd.h"
#include "common/fs/dirfd.h"
#include "common/image/content.h"
#include "common/operation/begin-replacement.h"
#include "common/operation/clone.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "harness/disturb.h"
#include "harness/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define V "a/b/private"

/* Beginning fails, with these words, and leaves nothing. */
static void
refused(Lab *lab, const char *name, int code, const char *words)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autofree char *before = list_tree(lab->path);
    GError *error = NULL;

    g_assert_null(rl_staged_new(lab_pool(lab), name, &access, &error));
    take_error(error, code, words);
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

static void
count(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    int *reports = data;

    (void) moved;
    g_assert_cmpuint(at, <=, size);
    (*reports)++;
}

/* Who opened the pool is told how far a copy is; a reflink is no copy. */
static void
test_progress(Lab *lab)
{
    int reports = 0;

    lab_create(lab, V, "one", MIB);
    RlPool *pool = lab_pool(lab);
    pool->progress = (RlProgress){.report = count, .data = &reports};
    g_autoptr(RlStagedImage) clone = rl_clone_make(pool, "a/clone", V, NULL);
    g_assert_nonnull(clone);
    g_assert_true((reports > 0) == !lab->reflinks);
    reports = 0;
    g_assert_true(rl_volume_maintain(clone->pool, V, false, NULL)); /* a precache */
    g_assert_true((reports > 0) == !lab->reflinks);
}

/* A replacement whose revision was named before it began. */
static RlStagedImage *
foretell(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    RlStagedImage *draft = rl_staged_begin(lab_pool(lab), V "@current", &error);

    g_assert_no_error(error);
    g_assert_true(rl_replace_foretell(draft, &error));
    return draft;
}

/* It is what it was to be, or it is not begun. Nothing is made, and no lock is waited for, before.
 */
static void
test_foretold(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    {
        g_autoptr(RlLock) lock = rl_pool_lock(lab->pool, V, "test", NULL);
        g_autofree char *before = list_tree(lab->path);
        g_autoptr(RlStagedImage) draft = foretell(lab);
        g_autoptr(RlStagedImage) new = rl_staged_begin(lab_pool(lab), "new/dir/volume", &error);
        g_assert_no_error(error);
        g_assert_cmpint(draft->revision, ==, 1);
        g_autofree char *after = list_tree(lab->path);
        g_assert_cmpstr(after, ==, before);
    }
    g_autoptr(RlStagedImage) late = foretell(lab), raised = foretell(lab);
    raised->revision = 4;
    g_assert_true(rl_staged_open(raised, &access, &error));
    assert_revisions(lab, V, "4");
    g_clear_pointer(&raised, rl_staged_free);
    assert_revisions(lab, V, "");
    g_assert_false(rl_staged_open(late, &access, &error)); /* 5 is the next */
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "meanwhile");
    assert_revisions(lab, V, "");

    g_autoptr(RlStagedImage) before_run = foretell(lab);
    lab_run(lab, V, "two");
    g_assert_false(rl_staged_open(before_run, &access, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "meanwhile");
    assert_revisions(lab, V, "5");
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* A commit that was cut off has given the clean image a number, which is listed: another is taken.
 */
static void
test_foretold_with_a_number(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *cut_off = lab_path(lab, "a/b/private.img.3@2020-01-01T00:00:00Z");
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_assert_cmpint(link(clean, cut_off), ==, 0);
    g_autoptr(RlStagedImage) draft = foretell(lab);
    g_assert_cmpint(draft->revision++, ==, 3);
    g_assert_true(rl_staged_open(draft, &access, &error));
    assert_revisions(lab, V, "4");
    staged_write(draft, "two");
    g_assert_true(rl_staged_replace(draft, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "4");
    revision_is(lab, V, "4", "one");
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static void
test_nobody_sees_a_draft(Lab *lab)
{
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V);
        g_autofree char *tree = list_tree(lab->path);
        g_assert_cmpstr(tree, ==, ".reflink-pool.xml a a/b");
    }
    assert_list(lab->path, ".reflink-pool.xml a");
}

static void
test_clone(Lab *lab)
{
    g_autofree char *from = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *to = lab_file(lab, "copy", RL_FILE_CLEAN);
    g_autoptr(RlStagedImage) draft = NULL;
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    draft = staged_begin(lab, "copy");
    staged_fill(lab, draft, V, 2 * MIB);
    g_assert_true(rl_staged_create(draft, NULL, 3 * MIB, &error));
    g_assert_no_error(error);
    image_is(lab, "copy", RL_FILE_CLEAN, "one");
    g_assert_cmpint(look(to).st_size, ==, 3 * MIB);
    g_assert_cmpuint(look(to).st_mode & 07777, ==, 0600);
    g_assert_cmpint(shares_data(from, to), ==, lab->reflinks);
}

static void
test_permissions(Lab *lab)
{
    RlAccess access = {0640, 1234, 5678};
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    GError *error = NULL;
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), V, &access, &error);

    g_assert_true(rl_staged_create(draft, NULL, MIB, &error));
    g_assert_cmpuint(look(clean).st_uid, ==, 1234);
    g_assert_cmpuint(look(clean).st_gid, ==, 5678);
    g_assert_cmpuint(look(clean).st_mode & 07777, ==, 0640);
}

/* An image that runs as its owner would do so with what somebody else puts into it. */
static void
test_special_bits_stay_behind(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    g_assert_cmpint(chmod(clean, 07755), ==, 0);
    lab_start(lab, V, &alice);
    g_assert_cmpuint(look(dirty).st_mode & 07777, ==, 0755);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    staged_replace(lab, V, "two");
    g_assert_cmpuint(look(clean).st_mode & 07777, ==, 0755);
}

static void
test_what_may_not_be_begun(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "snap", RL_KIND_SNAPSHOT, V, NULL, 0);
    refused(lab, V, RL_ERROR_EXISTS, "'a/b/private'");
    refused(lab, "tmp", RL_ERROR_EXISTS, "'tmp'");
    refused(lab, "snap", RL_ERROR_EXISTS, "'snap'");
    refused(lab, "../x", RL_ERROR_NAME, "'.'");
    refused(lab, V "@7", RL_ERROR_NAME, "revision");
    refused(lab, "n@label", RL_ERROR_NOT_FOUND, "'n'");
    refused(lab, "n@current", RL_ERROR_NOT_FOUND, "'n'");
    refused(lab, "tmp@label", RL_ERROR_UNSUPPORTED, "'tmp'");
    refused(lab, "snap@label", RL_ERROR_UNSUPPORTED, "'snap'");
    refused(lab, "snap@current", RL_ERROR_UNSUPPORTED, "'snap'");
    refused(lab, "tmp@current", RL_ERROR_UNSUPPORTED, "'tmp'");
    staged_label(lab, V, "label");
    refused(lab, V "@label", RL_ERROR_EXISTS, "'a/b/private@label'");
}

static void
test_somebody_was_faster(Lab *lab)
{
    GError *error = NULL;
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V);
        lab_create(lab, V, "theirs", MIB);
        g_assert_false(rl_staged_create(draft, NULL, MIB, &error));
        take_error(error, RL_ERROR_EXISTS, "'a/b/private'");
    }
    image_is(lab, V, RL_FILE_CLEAN, "theirs");
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@label");
        staged_label(lab, V, "label");
        error = NULL;
        g_assert_false(rl_staged_label(draft, &error));
        take_error(error, RL_ERROR_EXISTS, "'a/b/private@label'");
    }
    revision_is(lab, V, "label", "theirs");
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@other");
        error = NULL;
        g_assert_true(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, NULL));
        g_assert_false(rl_staged_label(draft, &error));
        take_error(error, RL_ERROR_NOT_FOUND, "'a/b/private'");
    }
    assert_list(lab->path, ".reflink-pool.xml a");
}

/* The last volume of the directory is deleted while the new one is in the making. */
static void
test_directory_was_removed(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b"), *away = lab_path(lab, "away");
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    lab_create(lab, "a/b/other", "x", MIB);
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V);
        g_assert_true(rl_volume_delete(lab->pool, "a/b/other", 0, NULL));
        g_assert_false(is_there(dir));
        staged_write(draft, "written before");
        rl_staged_create(draft, NULL, MIB, &error);
        g_assert_no_error(error);
    }
    image_is(lab, V, RL_FILE_CLEAN, "written before");
    g_assert_true(rl_volume_delete(lab->pool, V, 0, NULL));
    /* And made again by others. */
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V);
        g_assert_cmpint(rmdir(dir), ==, 0);
        g_assert_cmpint(mkdir(dir, 0755), ==, 0);
        rl_staged_create(draft, NULL, MIB, &error);
        g_assert_no_error(error);
    }
    assert_list(dir, "private.img");
    g_assert_true(rl_volume_delete(lab->pool, V, 0, NULL));
    /* A temporary file with a name stays with that. */
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V);
        close(draft->fd);
        draft->fd = rl_tmpfile_open_named(draft->dir, "private.img", &access, NULL);
        g_assert_cmpint(rename(dir, away), ==, 0);
        g_assert_false(rl_staged_create(draft, NULL, MIB, &error));
        take_error(error, RL_ERROR_BUSY, "meanwhile");
    }
    assert_list(away, "");
    g_assert_cmpint(rmdir(away), ==, 0);
    g_autofree char *tree = list_tree(lab->path);
    g_assert_cmpstr(tree, ==, ".reflink-pool.xml a");
}

static void
test_label_of_a_running_volume(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@live");
    rl_autofd int from = rl_content_open(lab->pool, V, true, &error);
    g_assert_true(rl_staged_fill(draft, from, 0, !lab->reflinks, &error));
    g_assert_true(rl_staged_label(draft, &error));
    g_assert_no_error(error);
    revision_is(lab, V, "live", "two");
    image_write(lab, V, RL_FILE_DIRTY, "three");
    revision_is(lab, V, "live", "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    lab_options(lab, 0);
    g_assert_true(rl_volume_maintain(lab->pool, V, true, NULL));
    assert_revisions(lab, V, "live");
}

static void
test_revert_and_back(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_options(lab, 0);
    for (int i = 0; i < 2; i++) {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
        g_autofree char *source = g_strdup_printf(V "@%d", i + 1);
        GError *error = NULL;
        g_assert_cmpuint(draft->revision, ==, i + 2);
        staged_fill(lab, draft, source, 0);
        g_assert_true(rl_staged_replace(draft, &error));
        g_assert_no_error(error);
        image_is(lab, V, RL_FILE_CLEAN, i ? "two" : "one");
    }
    assert_revisions(lab, V, "1 2 3");
    revision_is(lab, V, "2", "two");
    revision_is(lab, V, "3", "one");
    lab_run(lab, V, "three");
    assert_revisions(lab, V, "");
}

static void
test_replacement_that_did_not_come_about(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    g_autofree char *before = list_tree(lab->path);
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
        assert_revisions(lab, V, "1 2"); /* so that it can be returned */
    }
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

/* The second name goes only while the image has the first. */
static void
test_only_name_is_kept(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
        g_assert_cmpint(unlink(clean), ==, 0);
    }
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
}

/* A program that edits the clean image in place, and has closed it again, leaves inode and id as
 * they were. */
static void
test_edited_meanwhile(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    set_mtime(clean, 1000000000, 123456789);
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
        image_write(lab, V, RL_FILE_CLEAN, "edited");
        staged_write(draft, "replacement");
        g_assert_false(rl_staged_replace(draft, &error));
        take_error(error, RL_ERROR_STATE, "meanwhile");
    }
    image_is(lab, V, RL_FILE_CLEAN, "edited");
    assert_revisions(lab, V, "");
    /* What we do ourselves gives it no other date. */
    error = NULL;
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
        staged_label(lab, V, "label");
        g_assert_cmpint(chmod(clean, 0640), ==, 0);
        g_assert_true(rl_volume_maintain(lab->pool, V, true, NULL));
        staged_write(draft, "replacement");
        rl_staged_replace(draft, &error);
        g_assert_no_error(error);
    }
    image_is(lab, V, RL_FILE_CLEAN, "replacement");
}

/* Deleted, and made anew as a volume that has no content of its own. */
static void
test_replaced_by_another_kind(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
    g_assert_true(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
    lab_create_kind(lab, V, RL_KIND_VOLATILE, NULL, NULL, MIB);
    g_assert_false(rl_staged_replace(draft, &error));
    take_error(error, RL_ERROR_STATE, "meanwhile");
    g_assert_false(image_is_there(lab, V, RL_FILE_CLEAN));
}

/* A volume with nothing special about it may have a record that says so. */
static void
test_recorded_as_persistent(Lab *lab)
{
    lab_create_kind(lab, V, RL_KIND_PERSISTENT, NULL, "one", MIB);
    g_assert_true(image_is_there(lab, V, RL_FILE_RECORD));
    image_is(lab, V, RL_FILE_CLEAN, "one");
    lab_run(lab, V, "two");
    assert_revisions(lab, V, "1");
}

static void
test_direct_volume(Lab *lab)
{
    GError *error = NULL;

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    g_autoptr(RlStagedImage) draft = staged_begin(lab, "db/main@label");
    staged_fill(lab, draft, "db/main", 0);
    g_assert_true(rl_staged_label(draft, &error));
    revision_is(lab, "db/main", "label", "one");

    /* Left by its domain: there is no other image to go back to. */
    lab_start(lab, "db/main", &alice);
    rl_autofd int fd = image_open(lab, "db/main", RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_image_owner_clear(fd, NULL));
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, "db/main", NULL);
    g_assert_false(rl_staged_check_replaceable(volume, &error));
    g_assert_null(strstr(error->message, "discard"));
    take_error(error, RL_ERROR_STATE, "'virt-reflink stop'");
}

static void
test_replaced_image_is_another(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
        lab_run(lab, V, "two");
        g_assert_false(rl_staged_replace(draft, &error));
        take_error(error, RL_ERROR_STATE, "meanwhile");
    }
    image_is(lab, V, RL_FILE_CLEAN, "two");
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
        lab_start(lab, V, &alice);
        error = NULL;
        g_assert_false(rl_staged_replace(draft, &error));
        take_error(error, RL_ERROR_STATE, "running & 'alice'");
    }
    refused(lab, V "@current", RL_ERROR_STATE, "running & 'alice'");
}

/* Two replace it at once. However it ends, what was there is a revision. */
static void
test_two_replacements(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    RlStagedImage *first = staged_begin(lab, V "@current"),
                  *second = staged_begin(lab, V "@current");
    g_assert_cmpuint(first->revision, ==, second->revision);
    rl_staged_free(first); /* given up */
    staged_write(second, "two");
    g_assert_true(rl_staged_replace(second, &error));
    g_assert_no_error(error);
    rl_staged_free(second);
    assert_revisions(lab, V, "1");
    revision_is(lab, V, "1", "one");

    first = staged_begin(lab, V "@current");
    second = staged_begin(lab, V "@current");
    staged_write(first, "three");
    g_assert_true(rl_staged_replace(first, &error));
    g_assert_false(rl_staged_replace(second, &error));
    take_error(error, RL_ERROR_STATE, "meanwhile");
    rl_staged_free(first);
    rl_staged_free(second);
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "2", "two");
}

static void
delete_revision(Lab *lab, const char *text)
{
    g_autoptr(RlName) name = rl_name_parse(text, NULL);
    GError *error = NULL;

    g_assert_true(rl_revision_delete(lab->pool, name, &error));
    g_assert_no_error(error);
}

/* A number is not given twice, also if it was that of a replacement that did not come about. */
static void
test_deleted_while_it_was_to_be(Lab *lab)
{
    lab_create(lab, V, "zero", MIB);
    lab_run(lab, V, "one");
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
        assert_revisions(lab, V, "1 2");
        delete_revision(lab, V "@2");
    }
    lab_run(lab, V, "two");
    assert_revisions(lab, V, "1 3");
}

/* The same where another replacement was given a higher one meanwhile. */
static void
test_replaced_with_an_old_number(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "zero", MIB);
    lab_run(lab, V, "one");
    RlStagedImage *first = staged_begin(lab, V "@current");
    delete_revision(lab, V "@2");
    RlStagedImage *second = staged_begin(lab, V "@current");
    g_assert_cmpuint(second->revision, ==, 3);
    rl_staged_free(second); /* given up */
    staged_write(first, "two");
    g_assert_true(rl_staged_replace(first, &error));
    g_assert_no_error(error);
    rl_staged_free(first);
    assert_revisions(lab, V, "1 2");
    lab_run(lab, V, "three");
    assert_revisions(lab, V, "1 2 4");
}

/* A resize in between makes a new clean image; the number is given already. */
static void
test_resized_in_between(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "zero", MIB);
    lab_run(lab, V, "one");
    {
        g_autoptr(RlStagedImage) draft = staged_begin(lab, V "@current");
        g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
        g_assert_false(rl_staged_replace(draft, &error));
        take_error(error, RL_ERROR_STATE, "meanwhile");
    }
    lab_run(lab, V, "two");
    assert_revisions(lab, V, "1 2 3");
}

static void
test_full_disk(Lab *lab)
{
    RlAccess access = {0600, (uid_t) -1, (gid_t) -1};
    g_autofree char *before = NULL;
    GError *error = NULL;

    lab_create(lab, "other", "one", MIB);
    before = list_tree(lab->path);
    {
        g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), V, &access, &error);
        g_assert_false(rl_staged_create(draft, NULL, G_MAXINT64, &error));
        g_assert_nonnull(strstr(error->message, "'a/b/private'"));
        g_clear_error(&error);
    }
    g_autofree char *after = list_tree(lab->path), *wanted = g_strconcat(before, NULL);
    g_autofree char *dir = lab_path(lab, "a");
    g_assert_cmpint(rmdir(dir), ==, 0); /* one of the first level stays */
    g_autofree char *rest = list_tree(lab->path);
    g_assert_cmpstr(rest, ==, wanted);
}

static void
create(Lab *lab, const char *name, const char *source, uint64_t size)
{
    g_autoptr(RlStagedImage) draft = staged_begin(lab, name);
    GError *error = NULL;

    if (source)
        staged_fill(lab, draft, source, size);
    rl_staged_create(draft, NULL, size, &error);
    g_assert_no_error(error);
}

/* Whatever is made has whole sectors; what another program put there stays as it is. */
static void
test_sectors(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    create(lab, "a/new", NULL, 1000);
    g_assert_cmpint(image_size(lab, "a/new", RL_FILE_CLEAN), ==, 1024);
    create(lab, "a/none", NULL, 0);
    g_assert_cmpint(image_size(lab, "a/none", RL_FILE_CLEAN), ==, 0);
    lab_create(lab, V, "one", MIB);
    set_size(clean, 64 * KIB - 100);
    create(lab, "a/clone", V, 0);
    g_assert_cmpint(image_size(lab, "a/clone", RL_FILE_CLEAN), ==, 64 * KIB);
    image_is(lab, "a/clone", RL_FILE_CLEAN, "one");
    create(lab, "a/large", V, 70001);
    g_assert_cmpint(image_size(lab, "a/large", RL_FILE_CLEAN), ==, 70144);
    staged_label(lab, V, "label");
    g_autofree char *label = revision_path(lab, V, "label");
    g_assert_cmpint(look(label).st_size, ==, 64 * KIB);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, 64 * KIB - 100);
    g_autoptr(RlStagedImage) revert = staged_begin(lab, V "@current");
    staged_fill(lab, revert, V, 0);
    g_assert_true(rl_staged_replace(revert, NULL));
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, 64 * KIB);
}

void
add_tests(void)
{
    lab_add("/draft/nobody-sees-it", test_nobody_sees_a_draft);
    lab_add("/draft/clone", test_clone);
    lab_add("/draft/permissions", test_permissions);
    lab_add("/draft/special-bits-stay-behind", test_special_bits_stay_behind);
    lab_add("/draft/what-may-not-be-begun", test_what_may_not_be_begun);
    lab_add("/draft/somebody-was-faster", test_somebody_was_faster);
    lab_add("/draft/directory-was-removed", test_directory_was_removed);
    lab_add("/draft/label-of-a-running-volume", test_label_of_a_running_volume);
    lab_add("/draft/revert-and-back", test_revert_and_back);
    lab_add("/draft/replacement-that-did-not-come-about", test_replacement_that_did_not_come_about);
    lab_add("/draft/only-name-is-kept", test_only_name_is_kept);
    lab_add("/draft/edited-meanwhile", test_edited_meanwhile);
    lab_add("/draft/replaced-by-another-kind", test_replaced_by_another_kind);
    lab_add("/draft/recorded-as-persistent", test_recorded_as_persistent);
    lab_add("/draft/direct-volume", test_direct_volume);
    lab_add("/draft/replaced-image-is-another", test_replaced_image_is_another);
    lab_add("/draft/two-replacements", test_two_replacements);
    lab_add("/draft/deleted-while-it-was-to-be", test_deleted_while_it_was_to_be);
    lab_add("/draft/replaced-with-an-old-number", test_replaced_with_an_old_number);
    lab_add("/draft/foretold", test_foretold);
    lab_add("/draft/progress", test_progress);
    lab_add("/draft/foretold-with-a-number", test_foretold_with_a_number);
    lab_add("/draft/resized-in-between", test_resized_in_between);
    lab_add("/draft/sectors", test_sectors);
    lab_add_on("/draft/full-disk", "ext4", test_full_disk);
}
