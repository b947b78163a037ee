/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Dirty images that are there before the start: leftovers, saved, suspect, kept, orphans. */
#include "common/operation/claim.h"
#include "common/operation/takeover.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/upload.h"
#include "common/pool/volume-state.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#define V "a/b/private"

static void
set_hold(Lab *lab, const char *name, RlMark hold)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);

    g_assert_true(rl_mark_set(fd, hold, NULL));
}

static void
test_persistent_leftover_goes_on(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    ino_t dirty = image_inode(lab, V, RL_FILE_DIRTY);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_RUNNING);
    lab_crash(lab, V);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    lab_start(lab, V, &bob);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), ==, dirty);
    lab_stop(lab, V, &alice, RL_STOP_NOT_OWNED);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static void
test_other_leftovers_are_dropped(Lab *lab)
{
    const char *const names[] = {"a/root", "a/tmp"};

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_create_kind(lab, "a/tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        lab_start(lab, names[i], &alice);
        image_write(lab, names[i], RL_FILE_DIRTY, "left");
        lab_start_fails(lab, names[i], &bob, RL_ERROR_BUSY, "'alice'");
        lab_crash(lab, names[i]);
        lab_start(lab, names[i], &bob);
        image_is(lab, names[i], RL_FILE_DIRTY, i ? "" : "one");
    }
}

/* A start that fails changes nothing: not even what it would drop. */
static void
test_source_is_gone(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, "a/root", &alice);
    image_write(lab, "a/root", RL_FILE_DIRTY, "left");
    g_assert_true(rl_volume_delete(lab->pool, "t/root", false, &error));
    lab_crash(lab, "a/root");
    lab_start_fails(lab, "a/root", &alice, RL_ERROR_NOT_FOUND, "gone & 'a/root' & 't/root'");
    image_is(lab, "a/root", RL_FILE_DIRTY, "left");
    lab_stop(lab, "a/root", NULL, RL_STOP_DROPPED);
    lab_start_fails(lab, "a/root", &alice, RL_ERROR_NOT_FOUND, "gone & 't/root'");
}

static void
test_direct_leftover_goes_on(Lab *lab)
{
    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, "db/main", &alice);
    image_write(lab, "db/main", RL_FILE_DIRTY, "two");
    lab_crash(lab, "db/main");
    g_assert_cmpint(lab_state(lab, "db/main"), ==, RL_STATE_LEFT);
    lab_start(lab, "db/main", &bob);
    image_is(lab, "db/main", RL_FILE_DIRTY, "two");
    lab_stop(lab, "db/main", &bob, RL_STOP_RETURNED);
}

static void
test_damaged_leftover_is_refused(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    set_size(dirty, MIB - 1);
    lab_crash(lab, V);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "smaller & 1048575 & 1048576");
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB - 1);
}

static void
resize(Lab *lab, const char *name, uint64_t size, bool wanted)
{
    GError *error = NULL;

    g_assert_cmpint(rl_volume_resize(lab->pool, name, size, false, &error), ==, wanted);
    g_clear_error(&error);
}

static void
test_shrunk_leftover_goes_on(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    resize(lab, V, MIB / 2, true);
    lab_crash(lab, V);
    lab_start(lab, V, &alice);
    resize(lab, V, G_MAXUINT64 - 1, false); /* a failure takes nothing of that back */
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB / 2);
    lab_crash(lab, V);
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, MIB / 2);
}

static void
test_orphan_is_left_to_a_person(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    make_file(dirty, "whose?");
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_ORPHAN);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "no clean");
    lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "no clean");
    g_assert_true(rl_volume_maintain(lab->pool, V, true, NULL));
    image_is(lab, V, RL_FILE_DIRTY, "whose?");
}

static void
test_saved(Lab *lab)
{
    g_autofree char *memory = lab_path(lab, "memory");
    g_autoptr(RlStarted) started = NULL;
    GError *error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    make_file(memory, "of the guest");
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &bob, .saved = true, .file = memory}, &done, &error));
    g_assert_false(done);
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .file = memory}, &done, &error));
    g_assert_true(done);
    g_assert_no_error(error);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    lab_stop(lab, V, NULL, RL_STOP_HELD);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "saved & 'alice'");
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'virt-reflink continue'");

    g_assert_true(rl_volume_announce_restore(lab->pool, V, &bob, &error));
    g_assert_null(rl_volume_start(lab->pool, V, &bob, RL_START_RESTORED, &error));
    take_error(error, RL_ERROR_STATE, "saved");
    error = NULL;
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, &error));
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "saved");
    started = rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, &error);
    g_assert_no_error(error);
    g_assert_nonnull(started);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* Without its memory a saved domain is one that crashed. */
static void
test_saved_memory_is_gone(Lab *lab)
{
    g_autofree char *memory = lab_path(lab, "memory");
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    make_file(memory, "of the guest");
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .file = memory}, &done, NULL));
    g_assert_cmpint(unlink(memory), ==, 0);
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

static void
test_suspect(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    set_hold(lab, V, RL_MARK_SUSPECT);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "suspect");
    g_assert_false(rl_volume_delete(lab->pool, V, false, &error));
    take_error(error, RL_ERROR_STATE, "'a/b/private'");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &bob);
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* Refused as long as it has two names, whatever is asked for; and @path is as it was. */
static void
linked_image_is_refused(Lab *lab, const char *name, const char *path, const char *text)
{
    GError *error = NULL;
    struct stat before = look(path);
    RlStop stop;

    lab_start_fails(lab, name, &alice, RL_ERROR_STATE, "dirty image & 2 names");
    g_assert_false(rl_volume_resize(lab->pool, name, 2 * MIB, false, &error));
    take_error(error, RL_ERROR_STATE, "dirty image & 2 names");
    error = NULL;
    g_assert_false(rl_volume_stop(lab->pool, name, NULL, &stop, &error));
    take_error(error, RL_ERROR_STATE, "dirty image & 2 names");
    error = NULL;
    g_assert_true(rl_volume_discard(lab->pool, name, &error));
    g_assert_no_error(error);

    struct stat after = look(path);
    g_autofree char *now = read_at(path, 0, strlen(text));
    g_assert_cmpstr(now, ==, text);
    g_assert_cmpint(after.st_size, ==, before.st_size);
    g_assert_true(rl_stat_same_date(&before, &after));
    lab_start(lab, name, &alice);
    lab_stop(lab, name, &alice, RL_STOP_UNWRITTEN);
}

/* What a domain writes to must not be another file as well: one that lies outside of the pool, the
 * volume's own clean image, another volume's image. */
static void
test_image_with_two_names(Lab *lab)
{
    g_autofree char *outside = g_strconcat(lab->path, ".outside", NULL);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    g_autofree char *other = lab_file(lab, "a/b/other", RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    lab_create(lab, "a/b/other", "other", MIB);
    make_file(outside, "outside");
    set_size(outside, MIB);
    g_assert_cmpint(link(outside, dirty), ==, 0);
    linked_image_is_refused(lab, V, outside, "outside");
    g_assert_cmpint(link(other, dirty), ==, 0);
    linked_image_is_refused(lab, V, other, "other");
    g_assert_cmpint(link(clean, dirty), ==, 0);
    linked_image_is_refused(lab, V, clean, "one");
}

/* It would be started from in a moment, by a second domain. */
static void
test_precache_with_two_names(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, "a/root", RL_FILE_DIRTY);
    g_autofree char *precache = lab_file(lab, "b/root", RL_FILE_PRECACHE);

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_create_kind(lab, "b/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, "a/root", &alice);
    g_assert_cmpint(link(dirty, precache), ==, 0);
    lab_start(lab, "b/root", &bob);
    g_assert_cmpuint(image_inode(lab, "a/root", RL_FILE_DIRTY), !=,
                     image_inode(lab, "b/root", RL_FILE_DIRTY));
}

static void
test_discard(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "dirty image");
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    {
        rl_autofd int writer = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
        error = NULL;
        g_assert_false(rl_volume_discard(lab->pool, V, &error));
        take_error(error, RL_ERROR_STATE, "running & 'alice'");
    }
    /* Its domain may be about to open it. */
    error = NULL;
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    take_error(error, RL_ERROR_STATE, "started & 'alice'");
    error = NULL;
    g_assert_false(rl_volume_continue(lab->pool, V, &error));
    take_error(error, RL_ERROR_STATE, "started & 'alice'");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_crash(lab, V);
    error = NULL;
    g_assert_true(rl_volume_discard(lab->pool, V, &error));
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_CLEAN, "one");
    g_autofree char *dir = lab_path(lab, "a/b");
    assert_list(dir, "private.img");
}

/* Whoever looks without the lock sees an image, and then there is none. */
static void
test_state_of_an_image_that_goes(Lab *lab)
{
    GError *error = NULL;
    RlState state;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, &error);
    g_assert_true(volume->dirty.there);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    g_assert_true(rl_state_get(volume, &state, NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpint(state, ==, RL_STATE_STOPPED);
}

static void
test_only_image_is_not_discarded(Lab *lab)
{
    g_autofree char *orphan = lab_file(lab, V, RL_FILE_DIRTY);
    const char *const names[] = {V, "db/main"};

    make_file(orphan, "one");
    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, "db/main", &alice);
    lab_crash(lab, "db/main");
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        GError *error = NULL;
        g_assert_false(rl_volume_discard(lab->pool, names[i], &error));
        take_error(error, RL_ERROR_STATE, "only");
        image_is(lab, names[i], RL_FILE_DIRTY, "one");
    }
}

static void
test_kept_snapshot_goes_on(Lab *lab)
{
    bool done;

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, "a/root", &alice);
    image_write(lab, "a/root", RL_FILE_DIRTY, "mine");
    g_assert_true(rl_volume_keep(lab->pool, "a/root", &alice, &done, NULL));
    g_assert_true(done);
    lab_start(lab, "a/root", &alice);
    image_is(lab, "a/root", RL_FILE_DIRTY, "mine");
    lab_stop(lab, "a/root", &alice, RL_STOP_DROPPED);
}

/* How that run ended is not known: it can be its device model that has seen to it. */
static void
test_kept_is_its_domains(Lab *lab)
{
    const char *const names[] = {"a/root", "a/tmp"};
    bool done;

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_create_kind(lab, "a/tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        lab_start(lab, names[i], &alice);
        image_write(lab, names[i], RL_FILE_DIRTY, "mine");
        g_assert_true(rl_volume_keep(lab->pool, names[i], &alice, &done, NULL));
        lab_start_fails(lab, names[i], &bob, RL_ERROR_STATE, "'alice' & virt-reflink discard");
        image_is(lab, names[i], RL_FILE_DIRTY, "mine");
        /* An administrator decides. */
        g_assert_true(rl_volume_continue(lab->pool, names[i], NULL));
        lab_start(lab, names[i], &bob);
        image_is(lab, names[i], RL_FILE_DIRTY, "mine");
        g_assert_true(rl_volume_keep(lab->pool, names[i], &bob, &done, NULL));
        lab_start_fails(lab, names[i], &alice, RL_ERROR_STATE, "'bob'");
        lab_start(lab, names[i], &bob);
        lab_stop(lab, names[i], &bob, RL_STOP_DROPPED);
        lab_start(lab, names[i], &alice);
        image_is(lab, names[i], RL_FILE_DIRTY, i ? "" : "one");
    }
}

static void
test_readonly(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStarted) started = lab_start_with(lab, V, &alice, RL_START_READONLY);
    image_write(lab, V, RL_FILE_DIRTY, "never");
    lab_stop_fails(lab, V, &alice, RL_ERROR_STATE, "its domain only reads it");
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    image_is(lab, V, RL_FILE_CLEAN, "one");
    assert_revisions(lab, V, "");

    /* A guest's unfinished writes are not for those who only read. */
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_crash(lab, V);
    g_assert_null(rl_volume_start(lab->pool, V, &bob, RL_START_READONLY, &error));
    take_error(error, RL_ERROR_STATE, "'a/b/private'");
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

static void
test_overlaid(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    g_autofree char *before = list_tree(lab->path);
    g_assert_null(rl_volume_start(lab->pool, V, &alice, RL_START_OVERLAID, &error));
    take_error(error, RL_ERROR_STATE, "overlay");
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

/* The base of an external snapshot, while the snapshot's domain is off. */
static void
test_below_an_overlay(Lab *lab)
{
    g_autoptr(RlStarted) started = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));
    g_assert_true(done);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "external snapshot & 'alice'");
    lab_start_fails(lab, V, &xen, RL_ERROR_STATE, "'virt-reflink continue'");
    image_is(lab, V, RL_FILE_DIRTY, "two");

    /* Its own domain goes on, and with its end the image is one like any other. */
    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    lab_start(lab, V, &bob);
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &bob, .overlaid = true}, &done, NULL));

    /* Neither a start that is put back nor one that is confirmed, nor a save, changes whose it is.
     */
    for (int i = 0; i < 3; i++) {
        g_autoptr(RlStarted) again = rl_volume_start(lab->pool, V, &bob, RL_START_OVERLAID, NULL);
        g_assert_nonnull(again);
        if (i == 0)
            g_assert_true(rl_volume_unstart(lab->pool, again, &bob, NULL));
        else
            g_assert_true(rl_volume_confirm(lab->pool, V, &bob, NULL));
        if (i == 1)
            g_assert_true(rl_volume_keep_as(
                lab->pool, V, &(RlKeep){.owner = &bob, .overlaid = true}, &done, NULL));
        if (i == 2)
            lab_crash(lab, V);
        lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'bob'");
    }
    g_autoptr(RlStarted) saved = rl_volume_start(lab->pool, V, &bob, RL_START_OVERLAID, NULL);
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &bob, .saved = true, .overlaid = true, .file = "/nowhere"},
        &done, NULL));
    g_assert_true(done);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'bob'");
    g_assert_nonnull(saved);

    /* So do others that only read it through an overlay. */
    started = rl_volume_start(lab->pool, V, &alice, RL_START_OVERLAID, NULL);
    g_assert_nonnull(started);
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "'alice'");
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "'bob'");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &bob);
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(getxattr(clean, RL_ATTR_PREFIX RL_ATTR_BELOW, NULL, 0), <, 0);
}

static void
assert_below(GError *error, const char *what)
{
    g_autofree char *words =
        g_strdup_printf("'a/b/private' & %s & external snapshot & 'alice'", what);

    take_error(error, RL_ERROR_STATE, words);
}

/* What a person does by hand, or with a volume, would take the base away from under the overlay. */
static void
test_nothing_is_done_below(Lab *lab)
{
    g_autofree char *before = NULL, *after = NULL, *below = NULL;
    g_autoptr(RlVolume) volume = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    GError *error = NULL;
    RlState state;
    RlStop stop;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));
    volume = rl_volume_open(lab->pool, V, NULL);
    g_assert_true(rl_state_get_below(volume, &state, &run, &below, NULL));
    g_assert_cmpstr(rl_state_to_string(state), ==, "overlaid");
    g_assert_cmpstr(below, ==, "alice");
    g_assert_null(run);
    before = list_tree(lab->path);
    g_assert_false(rl_volume_stop(lab->pool, V, NULL, &stop, &error));
    assert_below(g_steal_pointer(&error), "stopped");
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    assert_below(g_steal_pointer(&error), "discarded");
    g_assert_false(rl_volume_resize(lab->pool, V, 4 * KIB, false, &error));
    assert_below(g_steal_pointer(&error), "resized");
    g_assert_false(rl_volume_delete(lab->pool, V, true, &error));
    assert_below(g_steal_pointer(&error), "deleted");
    g_assert_null(rl_upload_begin(lab_pool(lab), V, &error));
    assert_below(g_steal_pointer(&error), "replaced");
    after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB);

    /* While the domain runs on the overlay, and reads what is below it; not when it has merged the
     * two, and writes to it. */
    g_autoptr(RlStarted) on = rl_volume_start(lab->pool, V, &alice, RL_START_OVERLAID, NULL);
    g_assert_nonnull(on);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_RUNNING);
    g_assert_false(rl_volume_resize(lab->pool, V, 4 * KIB, false, &error));
    assert_below(g_steal_pointer(&error), "resized");
    int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, NULL));
    close(fd);
    g_assert_true(
        rl_volume_keep_as(lab->pool, V, &(RlKeep){.owner = &alice, .overlaid = true}, &done, NULL));

    /* A person who knows better says so first. */
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    g_assert_true(rl_volume_discard(lab->pool, V, NULL));
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* Who continues a saved domain's disks was not told of the overlay. */
static void
test_saved_below_is_continued(Lab *lab)
{
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_assert_true(rl_volume_keep_as(
        lab->pool, V, &(RlKeep){.owner = &alice, .saved = true, .overlaid = true}, &done, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_BELOW);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    g_assert_true(rl_volume_delete(lab->pool, V, false, NULL));
}

static char *
find_own(const char *image, bool directly, const char *except)
{
    return directly || except || !strstr(image, "private-dirty.img") ? NULL : g_strdup("alice");
}

static char *
doubt_own(const char *image, const char *domain)
{
    return strstr(image, "private-dirty.img") && strcmp(domain, "alice") == 0
               ? g_strdup("the snapshots in '/snapshots/alice' cannot be read")
               : NULL;
}

/* An older memory or definition of the domain has the image as its disk, and the present one an
 * overlay on it: neither a start nor an end takes it away from below. */
static void
test_own_overlay(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;

    documents.find_domain = find_own;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_assert_true(rl_overlays_add(fd, &alice, NULL));
    }
    lab->pool->documents = &documents;
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "start");
    documents.find_doubt = doubt_own;
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "/snapshots/alice");
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_OVERLAID));
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    /* Merged: libvirt names no overlay any more. */
    lab->pool->documents = real;
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static char *
find_defined(const char *image, bool directly, const char *except)
{
    return directly || g_strcmp0(except, alice.uuid) == 0 || !strstr(image, "private-dirty.img")
               ? NULL
               : g_strdup("alice");
}

static char *
no_doubt(const char *image, const char *domain)
{
    (void) image, (void) domain;
    return NULL;
}

/* A domain that was off got an overlay on what is kept: no run and no note says so. */
static void
test_kept_below(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    GError *error = NULL;
    RlStop result;
    bool done;

    documents.find_domain = find_defined;
    documents.find_doubt = no_doubt;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    lab->pool->documents = &documents;
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_BELOW);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "external snapshot & 'alice'");
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "external snapshot & 'alice'");
    g_assert_false(rl_volume_stop(lab->pool, V, NULL, &result, &error));
    g_assert_error(error, RL_ERROR, RL_ERROR_STATE);
    g_clear_error(&error);
    g_assert_false(rl_volume_discard(lab->pool, V, &error));
    g_assert_error(error, RL_ERROR, RL_ERROR_STATE);
    g_clear_error(&error);
    g_assert_true(rl_volume_claim(lab->pool, V, &(RlClaim){.to = &bob}, &done, NULL));
    g_assert_false(done);
    /* An administrator lets go of this one. */
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    g_assert_true(rl_volume_stop(lab->pool, V, NULL, &result, NULL));
    g_assert_cmpint(result, ==, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    lab->pool->documents = real;
}

/* The host went down, and no hook could note the overlay: only the run is there. */
static void
test_cut_off_below(Lab *lab)
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;
    bool done;

    documents.find_domain = find_defined;
    documents.find_doubt = no_doubt;
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    lab_crash(lab, V);
    lab->pool->documents = &documents;
    g_assert_true(rl_volume_claim(lab->pool, V, &(RlClaim){.to = &bob}, &done, NULL));
    g_assert_false(done);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "external snapshot & 'alice'");
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_OVERLAID));
    lab->pool->documents = real;
}

void
add_tests(void)
{
    lab_add("/takeover/persistent-leftover-goes-on", test_persistent_leftover_goes_on);
    lab_add("/takeover/other-leftovers-are-dropped", test_other_leftovers_are_dropped);
    lab_add("/takeover/source-is-gone", test_source_is_gone);
    lab_add("/takeover/direct-leftover-goes-on", test_direct_leftover_goes_on);
    lab_add("/takeover/damaged-leftover-is-refused", test_damaged_leftover_is_refused);
    lab_add("/takeover/shrunk-leftover-goes-on", test_shrunk_leftover_goes_on);
    lab_add("/takeover/orphan-is-left-to-a-person", test_orphan_is_left_to_a_person);
    lab_add("/takeover/saved", test_saved);
    lab_add("/takeover/saved-memory-is-gone", test_saved_memory_is_gone);
    lab_add("/takeover/suspect", test_suspect);
    lab_add("/takeover/readonly", test_readonly);
    lab_add("/takeover/overlaid", test_overlaid);
    lab_add("/takeover/below-an-overlay", test_below_an_overlay);
    lab_add("/takeover/nothing-is-done-below", test_nothing_is_done_below);
    lab_add("/takeover/saved-below-is-continued", test_saved_below_is_continued);
    lab_add("/takeover/image-with-two-names", test_image_with_two_names);
    lab_add("/takeover/precache-with-two-names", test_precache_with_two_names);
    lab_add("/takeover/state-of-an-image-that-goes", test_state_of_an_image_that_goes);
    lab_add("/keep/discard", test_discard);
    lab_add("/keep/only-image-is-not-discarded", test_only_image_is_not_discarded);
    lab_add("/takeover/own-overlay", test_own_overlay);
    lab_add("/takeover/kept-below", test_kept_below);
    lab_add("/takeover/cut-off-below", test_cut_off_below);
    lab_add("/keep/kept-snapshot-goes-on", test_kept_snapshot_goes_on);
    lab_add("/keep/kept-is-its-domains", test_kept_is_its_domains);
}
