/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Pools whose volumes' paths are links: to the dirty image while there is one, else to the clean
 * image, and at no moment to nothing. */
#include "common/image/volume-path.h"

#include "common/base/autofd.h"
#include "common/format/image-overlays.h"
#include "common/image/repair-paths.h"
#include "common/image/short-path.h"
#include "common/operation/adopt.h"
#include "common/operation/delete.h"
#include "common/operation/rename.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/staged-image.h"
#include "common/pool/scan.h"
#include "harness/disturb.h"
#include "unit/image/linked-paths.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* --- at each moment */

/* A link that is there leads to an image. */
static int
nothing_dangles(Lab *lab)
{
    static const char *const names[] = {"web", "web.img", "new"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = lab_path(lab, names[i]);
        g_autofree char *target = g_file_read_link(path, NULL);
        g_assert_true(!target || g_file_test(path, G_FILE_TEST_EXISTS));
    }
    return 0;
}

/* Before each system call about files. */
static void
never_dangles(Lab *lab, Attempt attempt)
{
    Disturbance each = {.first = 1, .before = nothing_dangles};
    GError *error = NULL;

    g_assert_true(disturb(lab, &each, attempt, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(each.made, >, 3);
    nothing_dangles(lab);
}

ATTEMPT(start, try_start(lab, "web", &alice, error))
ATTEMPT(stop, try_stop(lab, "web", &alice, error))
ATTEMPT(rename_it, rl_volume_rename_to(lab->pool, "web", "new", error))
ATTEMPT(delete_it, rl_volume_delete(lab->pool, "new", 0, error))

static void
test_life(Lab *lab)
{
    begin(lab);
    assert_link(lab, "web", CLEAN);
    assert_path(lab, "volumes", "web", "web");
    assert_path(lab, "a", "web", "a/web-dirty.img");

    never_dangles(lab, start);
    assert_link(lab, "web", DIRTY);
    never_dangles(lab, stop); /* nothing was written */
    assert_link(lab, "web", CLEAN);
    for (int i = 0; i < 2; i++) {
        never_dangles(lab, start);
        image_write(lab, "web", RL_FILE_DIRTY, i ? "three" : "two");
        never_dangles(lab, stop);
        assert_link(lab, "web", CLEAN);
    }
    image_is(lab, "web", RL_FILE_CLEAN, "three");
    never_dangles(lab, rename_it);
    assert_link(lab, "web", NULL);
    assert_link(lab, "new", "volumes/new.img");
    never_dangles(lab, delete_it);
    assert_link(lab, "new", NULL);
}

static void
test_direct(Lab *lab)
{
    set_links(lab, true);
    lab_create_kind(lab, "web", RL_KIND_DIRECT, NULL, "one", MIB);
    assert_link(lab, "web", CLEAN);
    never_dangles(lab, start);
    assert_link(lab, "web", DIRTY);
    never_dangles(lab, stop);
    assert_link(lab, "web", CLEAN);
}

/* What keeps nothing has no path at rest. */
static void
test_no_path_at_rest(Lab *lab)
{
    set_links(lab, true);
    lab_create(lab, "source", "one", MIB);
    lab_create_kind(lab, "web", RL_KIND_SNAPSHOT, "source", NULL, 0);
    for (int i = 0; i < 2; i++) {
        assert_link(lab, "web", NULL);
        assert_path(lab, "volumes", "web", "web");
        never_dangles(lab, start);
        assert_link(lab, "web", DIRTY);
        never_dangles(lab, stop);
        if (i)
            break;
        GError *error = NULL;
        g_assert_true(rl_volume_delete(lab->pool, "web", 0, &error));
        lab_create_kind(lab, "web", RL_KIND_VOLATILE, NULL, NULL, MIB);
    }
    assert_link(lab, "web", NULL);
}

ATTEMPT(discard, rl_volume_discard(lab->pool, "web", error))

/* As long as there is a dirty image, whoever has left it. */
static void
test_left(Lab *lab)
{
    GError *error = NULL;
    bool done;

    begin(lab);
    lab_start(lab, "web", &alice);
    image_write(lab, "web", RL_FILE_DIRTY, "two");
    g_assert_true(rl_volume_save(lab->pool, "web", &alice, &done, &error));
    g_assert_true(done);
    assert_link(lab, "web", DIRTY);
    lab_start_fails(lab, "web", &bob, RL_ERROR_STATE, "saved");
    assert_link(lab, "web", DIRTY);
    never_dangles(lab, discard);
    assert_link(lab, "web", CLEAN);
    image_is(lab, "web", RL_FILE_CLEAN, "one");
}

static bool
start_and_unstart(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, "web", &alice, 0, error);

    assert_link(lab, "web", DIRTY);
    return started && rl_volume_unstart(lab->pool, started, &alice, error);
}

/* A start that is put back leaves it as it was. */
static void
test_unstart(Lab *lab)
{
    GError *error = NULL;
    RlKind kinds[] = {RL_KIND_PERSISTENT, RL_KIND_DIRECT};

    set_links(lab, true);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i] == RL_KIND_DIRECT)
            lab_create_kind(lab, "web", RL_KIND_DIRECT, NULL, "one", MIB);
        else
            lab_create(lab, "web", "one", MIB);
        never_dangles(lab, start_and_unstart);
        assert_link(lab, "web", CLEAN);
        g_assert_true(rl_volume_delete(lab->pool, "web", 0, &error));
    }
}

/* --- a commit */

/* When the revision gets its name, who opens the path has the last committed state. */
static int
leads_to_clean(Lab *lab)
{
    if (image_is_there(lab, "web", RL_FILE_DIRTY))
        assert_link(lab, "web", CLEAN);
    return 0;
}

static void
test_commit_turns_first(Lab *lab)
{
    Disturbance link_it = {.nr = SYS_linkat, .first = 1, .before = leads_to_clean};
    GError *error = NULL;

    begin(lab);
    lab_start(lab, "web", &alice);
    image_write(lab, "web", RL_FILE_DIRTY, "two");
    g_assert_true(disturb(lab, &link_it, stop, &error));
    g_assert_cmpuint(link_it.made, >=, 1);
    assert_link(lab, "web", CLEAN);
}

/* One that fails leaves the run, and the path with it. */
static void
test_commit_fails(Lab *lab)
{
    Disturbance no_link = {.nr = SYS_linkat, .first = 1, .code = EIO};
    GError *error = NULL;

    begin(lab);
    lab_start(lab, "web", &alice);
    image_write(lab, "web", RL_FILE_DIRTY, "two");
    g_assert_false(disturb(lab, &no_link, stop, &error));
    take_errno(error, EIO, "'web'");
    assert_link(lab, "web", DIRTY);
    lab_stop(lab, "web", &alice, RL_STOP_COMMITTED);
    assert_link(lab, "web", CLEAN);
}

/* Where there is no space for a link it goes: a commit needs none. */
static void
test_no_space(Lab *lab)
{
    Disturbance no_link = {.nr = SYS_symlinkat, .first = 1, .code = ENOSPC};
    GError *error = NULL;

    begin(lab);
    lab_start(lab, "web", &alice);
    image_write(lab, "web", RL_FILE_DIRTY, "two");
    g_assert_true(disturb(lab, &no_link, stop, &error));
    assert_link(lab, "web", NULL);
    repair(lab);
    assert_link(lab, "web", CLEAN);

    no_link.made = 0;
    g_assert_true(disturb(lab, &no_link, start, &error));
    assert_link(lab, "web", CLEAN);
    /* The domain that has it by its path does not start. */
    g_assert_true(rl_short_path_make(lab->pool, "web", "web", &error));
    assert_link(lab, "web", DIRTY);
}

static guint
count_syncs(Lab *lab, Attempt attempt)
{
    Disturbance sync = {.nr = SYS_fsync, .first = 1};
    GError *error = NULL;

    g_assert_true(disturb(lab, &sync, attempt, &error));
    g_assert_no_error(error);
    return sync.made;
}

/* A link costs no wait for the disk. */
static void
test_no_more_syncs(Lab *lab)
{
    guint start_syncs[2], stop_syncs[2];

    lab_create(lab, "web", "one", MIB);
    for (int links = 0; links < 2; links++) {
        set_links(lab, links);
        start_syncs[links] = count_syncs(lab, start);
        image_write(lab, "web", RL_FILE_DIRTY, "two");
        stop_syncs[links] = count_syncs(lab, stop);
    }
    g_assert_cmpuint(start_syncs[1], ==, start_syncs[0]);
    g_assert_cmpuint(stop_syncs[1], ==, stop_syncs[0]);
}

/* --- what is half done, or somebody else's */

/* Wrong as a crash can leave it: each of those who come by puts it right. */
static void
test_half_way(Lab *lab)
{
    begin(lab);
    remove_link(lab, "web");
    repair(lab);
    assert_link(lab, "web", CLEAN);

    lab_start(lab, "web", &alice);
    put_link(lab, CLEAN, "web");
    repair(lab);
    assert_link(lab, "web", DIRTY);
    put_link(lab, CLEAN, "web");
    lab_start(lab, "web", &alice);
    assert_link(lab, "web", DIRTY);
    put_link(lab, CLEAN, "web");
    rl_paths_repair_volume(lab->pool, "web");
    assert_link(lab, "web", DIRTY);
    remove_link(lab, "web");
    lab_stop(lab, "web", &alice, RL_STOP_COMMITTED); /* it went on with a leftover */
    assert_link(lab, "web", CLEAN);

    put_link(lab, DIRTY, "web"); /* it dangles */
    put_link(lab, CLEAN, "web.img~a1b2c3");
    put_link(lab, "volumes/gone.img", "gone");
    put_link(lab, "/nowhere", "web.img~a1b2c4");
    repair(lab);
    assert_link(lab, "web", CLEAN);
    assert_link(lab, "web.img~a1b2c3", NULL);
    assert_link(lab, "gone", NULL);
    assert_link(lab, "web.img~a1b2c4", "/nowhere");
}

/* Whoever has the lock is about to do it himself. */
static void
test_repair_waits_for_nobody(Lab *lab)
{
    GError *error = NULL;

    begin(lab);
    remove_link(lab, "web");
    {
        g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, "web", &error);
        g_autoptr(RlLock) lock = rl_volume_lock(volume, "test", &error);
        g_assert_nonnull(lock);
        repair(lab);
        assert_link(lab, "web", NULL);
    }
    repair(lab);
    assert_link(lab, "web", CLEAN);
}

static void
test_taken(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "web");
    GError *error = NULL;

    begin(lab);
    remove_link(lab, "web");
    make_file(path, "somebody's own");
    assert_path(lab, "volumes", "web", DIRTY);
    repair(lab);
    lab_start(lab, "web", &alice); /* by its other path it runs */
    g_assert_false(rl_short_path_make(lab->pool, "web", "web", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NAME, "'web' & /web' & taken");
    lab_stop(lab, "web", &alice, RL_STOP_UNWRITTEN);
    g_assert_true(rl_volume_delete(lab->pool, "web", 0, &error));
    g_autofree char *text = read_at(path, 0, 14);
    g_assert_cmpstr(text, ==, "somebody's own");
}

/* It came between the look and the turning. */
static int
put_file_there(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "web");

    g_assert_cmpint(unlink(path), ==, 0);
    make_file(path, "somebody's own");
    return 0;
}

ATTEMPT(turn, rl_path_link_turn(lab->pool, "web", "web", RL_LINK_DIRTY, error))

static void
test_exchanged(Lab *lab)
{
    Disturbance exchange = {.nr = SYS_renameat2, .first = 1, .count = 1, .before = put_file_there};
    g_autofree char *path = lab_path(lab, "web");
    GError *error = NULL;

    begin(lab);
    g_assert_false(disturb(lab, &exchange, turn, &error));
    take_error(error, RL_ERROR_NAME, "'web' & taken");
    g_autofree char *text = read_at(path, 0, 14);
    g_assert_cmpstr(text, ==, "somebody's own");
    assert_list(lab->path, ".reflink-pool.xml volumes web");
}

/* Where names cannot be exchanged. */
static void
test_no_exchange(Lab *lab)
{
    Disturbance no_exchange = {.nr = SYS_renameat2, .first = 1, .code = EINVAL};
    GError *error = NULL;

    begin(lab);
    g_assert_true(disturb(lab, &no_exchange, turn, &error));
    assert_link(lab, "web", DIRTY);
    assert_list(lab->path, ".reflink-pool.xml volumes web");
}

/* --- names and options */

/* The path is the name that was asked for. */
static void
test_suffix(Lab *lab)
{
    const RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    set_links(lab, true);
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), "web", &access, &error);
    g_assert_no_error(error);
    draft->path = g_strdup("web.img");
    g_assert_true(rl_staged_create(draft, NULL, MIB, &error));
    assert_link(lab, "web.img", CLEAN);
    assert_link(lab, "web", NULL);
    assert_path(lab, "volumes", "web", "web.img");
    lab_start(lab, "web", &alice);
    assert_link(lab, "web.img", DIRTY);
    assert_link(lab, "web", NULL);

    /* A domain may have it by the other one. */
    g_assert_true(rl_short_path_make(lab->pool, "web", "web", &error));
    image_write(lab, "web", RL_FILE_DIRTY, "two");
    lab_stop(lab, "web", &alice, RL_STOP_COMMITTED);
    assert_link(lab, "web.img", CLEAN);
    assert_link(lab, "web", CLEAN);
    g_autofree char *named = rl_short_path_volume(lab->pool, "web.img");
    g_assert_cmpstr(named, ==, "web");
    g_assert_true(rl_volume_delete(lab->pool, "web", 0, &error));
    assert_link(lab, "web.img", NULL);
    assert_link(lab, "web", NULL);
}

/* --- at rest */

/* Who writes to the path at rest writes to the clean image; the next start has that. */
static void
test_written_at_rest(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "web");

    begin(lab);
    lab_run(lab, "web", "two"); /* and has a precache again */
    g_assert_true(image_is_there(lab, "web", RL_FILE_PRECACHE));
    {
        rl_autofd int writer = open(path, O_RDWR | O_CLOEXEC);
        g_assert_cmpint(writer, >=, 0);
        g_assert_cmpint(pwrite(writer, "ed", 2, 0), ==, 2);
        lab_start_fails(lab, "web", &alice, RL_ERROR_BUSY, "'web' & open for writing");
        assert_link(lab, "web", CLEAN);
        GError *error = NULL;
        g_assert_false(rl_volume_delete(lab->pool, "web", 0, &error));
        take_error(error, RL_ERROR_BUSY, "'web' & open for writing");
        assert_link(lab, "web", CLEAN);
    }
    lab_start(lab, "web", &alice);
    image_is(lab, "web", RL_FILE_DIRTY, "edo");
    image_write(lab, "web", RL_FILE_DIRTY, "two");
    lab_stop(lab, "web", &alice, RL_STOP_COMMITTED);
}

/* Who opened it between two runs, and writes on: no commit takes it from him. */
static void
test_writer_of_clean_image(Lab *lab)
{
    begin(lab);
    rl_autofd int writer = image_open(lab, "web", RL_FILE_CLEAN, O_RDWR);
    rl_autofd int other = rl_fd_steal(&writer);
    rl_fd_close(&other);
    lab_start(lab, "web", &alice);
    image_write(lab, "web", RL_FILE_DIRTY, "two");
    writer = image_open(lab, "web", RL_FILE_CLEAN, O_RDWR);
    lab_stop_fails(lab, "web", &alice, RL_ERROR_BUSY, "'web' & open for writing");
    assert_link(lab, "web", DIRTY);
}

/* Whose overlay is noted on the dirty image, or on the precache that it was. */
static void
assert_below(Lab *lab, const char *wanted)
{
    rl_autofd int fd = image_open(lab, "web", wanted ? RL_FILE_DIRTY : RL_FILE_PRECACHE, O_RDONLY);
    g_autofree char *domain = NULL;
    GError *error = NULL;

    g_assert_true(rl_overlays_other(fd, NULL, &domain, &error));
    g_assert_cmpstr(domain, ==, wanted);
}

/* A domain whose disk became an overlay while it was off. */
static void
test_below_overlay(Lab *lab)
{
    GError *error = NULL;

    begin(lab);
    lab_create(lab, "a/b", "two", MIB);
    g_assert_null(rl_volume_start(lab->pool, "a/b", &alice, RL_START_OVERLAID, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "'a/b' & overlay");
    g_autoptr(RlStarted) started = lab_start_with(lab, "web", &alice, RL_START_OVERLAID);
    image_is(lab, "web", RL_FILE_DIRTY, "one");
    assert_link(lab, "web", DIRTY);
    assert_below(lab, "alice");
    set_links(lab, false);
    lab_start_fails(lab, "web", &bob, RL_ERROR_BUSY, "'web'");
    set_links(lab, true);

    g_assert_true(rl_volume_unstart(lab->pool, started, &alice, &error));
    assert_link(lab, "web", CLEAN);
    assert_below(lab, NULL);
    lab_start(lab, "web", &bob); /* the precache knows of no overlay any more */
    g_assert_cmpint(lab_state(lab, "web"), ==, RL_STATE_RUNNING);
    lab_stop(lab, "web", &bob, RL_STOP_UNWRITTEN);
}

ATTEMPT(delete_web, rl_volume_delete(lab->pool, "web", 0, error))

/* A volume that could not be deleted keeps its path. */
static void
test_delete_fails(Lab *lab)
{
    g_autofree char *clean = lab_path(lab, CLEAN);
    guint kept = 0;

    begin(lab);
    for (guint i = 1; i < 10 && g_file_test(clean, G_FILE_TEST_EXISTS); i++) {
        Disturbance no_rename = {.nr = SYS_renameat, .first = i, .count = 1, .code = EIO};
        if (disturb(lab, &no_rename, delete_web, NULL) || !g_file_test(clean, G_FILE_TEST_EXISTS))
            break;
        assert_link(lab, "web", CLEAN);
        kept++;
    }
    g_assert_cmpuint(kept, >, 0);
    assert_link(lab, "web", NULL);
}

/* libvirt takes an empty file for one that is not there. */
static void
test_empty(Lab *lab)
{
    GError *error = NULL;
    RlStop stop;

    set_links(lab, true);
    lab_create(lab, "web", NULL, 0);
    assert_link(lab, "web", NULL);
    assert_path(lab, "volumes", "web", "web");
    repair(lab);
    assert_link(lab, "web", NULL);

    lab_start(lab, "web", &alice);
    assert_link(lab, "web", NULL);
    g_assert_false(rl_short_path_make(lab->pool, "web", "web", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "web");
    assert_link(lab, "web", NULL);
    rl_volume_stop(lab->pool, "web", &alice, &stop, &error);
    g_assert_no_error(error);
    assert_link(lab, "web", NULL);

    g_assert_true(rl_volume_resize(lab->pool, "web", MIB, false, &error));
    g_assert_no_error(error);
    repair(lab);
    assert_link(lab, "web", CLEAN);
}

void
add_tests(void)
{
    lab_add("/volume-path/life", test_life);
    lab_add("/volume-path/direct", test_direct);
    lab_add("/volume-path/no-path-at-rest", test_no_path_at_rest);
    lab_add("/volume-path/left", test_left);
    lab_add("/volume-path/empty", test_empty);
    lab_add("/volume-path/unstart", test_unstart);
    lab_add("/volume-path/commit-turns-first", test_commit_turns_first);
    lab_add("/volume-path/commit-fails", test_commit_fails);
    lab_add("/volume-path/no-space", test_no_space);
    lab_add("/volume-path/delete-fails", test_delete_fails);
    lab_add("/volume-path/no-more-syncs", test_no_more_syncs);
    lab_add("/volume-path/half-way", test_half_way);
    lab_add("/volume-path/repair-waits-for-nobody", test_repair_waits_for_nobody);
    lab_add("/volume-path/taken", test_taken);
    lab_add("/volume-path/exchanged", test_exchanged);
    lab_add("/volume-path/no-exchange", test_no_exchange);
    lab_add("/volume-path/suffix", test_suffix);
    lab_add("/volume-path/written-at-rest", test_written_at_rest);
    lab_add("/volume-path/writer-of-clean-image", test_writer_of_clean_image);
    lab_add("/volume-path/below-overlay", test_below_overlay);
}
