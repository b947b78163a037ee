/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Dirty images that are there before the start: leftovers, saved, suspect, kept, orphans. */

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/fs/inode.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/pool/volume-state.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>

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
    g_assert_true(rl_volume_delete(lab->pool, "t/root", RL_DELETE_USED, &error));
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
    g_assert_false(rl_volume_delete(lab->pool, V, 0, &error));
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

/* The overlay on it was given to another domain, which has it now. */
static void
test_kept_goes_with_its_overlay(Lab *lab)
{
    bool done;

    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_start(lab, "a/root", &alice);
    image_write(lab, "a/root", RL_FILE_DIRTY, "mine");
    g_assert_true(rl_volume_keep(lab->pool, "a/root", &alice, &done, NULL));
    rl_started_free(lab_start_with(lab, "a/root", &bob, RL_START_OVERLAID));
    image_is(lab, "a/root", RL_FILE_DIRTY, "mine");
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
    lab_add("/takeover/image-with-two-names", test_image_with_two_names);
    lab_add("/takeover/precache-with-two-names", test_precache_with_two_names);
    lab_add("/takeover/state-of-an-image-that-goes", test_state_of_an_image_that_goes);
    lab_add("/keep/discard", test_discard);
    lab_add("/keep/only-image-is-not-discarded", test_only_image_is_not_discarded);
    lab_add("/keep/kept-snapshot-goes-on", test_kept_snapshot_goes_on);
    lab_add("/keep/kept-is-its-domains", test_kept_is_its_domains);
    lab_add("/keep/kept-goes-with-its-overlay", test_kept_goes_with_its_overlay);
}
