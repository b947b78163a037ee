/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A dirty image comes with a copy of the pool that was made with attributes (cp -a, rsync -X) while
 * a domain ran on it: it may be torn, and an administrator decides. */
#include "harness/lab.h"

#include "common/base/autofd.h"
#include "common/base/boot.h"
#include "common/format/image-mark.h"
#include "common/fs/xattr.h"
#include "common/image/content.h"
#include "common/operation/claim.h"
#include "common/operation/defragment.h"
#include "common/operation/end-of-run.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/unshare.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#define V "web/data"
#define DIRECT "db/main"
#define COPY "copy & alice & virt-reflink continue"

/* The dirty image of @name is put back from a copy of itself. */
static void
put_back_copy(Lab *lab, const char *name)
{
    g_autofree char *dirty = lab_file(lab, name, RL_FILE_DIRTY);
    g_autofree char *command =
        g_strdup_printf("cp -a --reflink=never '%1$s' '%1$s.new' && mv '%1$s.new' '%1$s'", dirty);

    g_assert_cmpint(system(command), ==, 0);
}

/* What @alice had written when the host went down, from a copy of that time. */
static void
run_and_copy(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_crash(lab, V);
    put_back_copy(lab, V);
}

static void
nothing_changed(Lab *lab)
{
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
    image_is(lab, V, RL_FILE_CLEAN, "one");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    assert_revisions(lab, V, "");
}

static void
go_on(Lab *lab, const char *name)
{
    g_autoptr(GError) error = NULL;

    rl_volume_continue(lab->pool, name, &error);
    g_assert_no_error(error);
}

static void
test_is_refused(Lab *lab)
{
    const RlStartFlags flags[] = {RL_START_READONLY, RL_START_OVERLAID, RL_START_RESTORED,
                                  RL_START_ARRIVING};
    GError *error = NULL;

    run_and_copy(lab);
    nothing_changed(lab);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, COPY " & discard");
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, COPY);
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        g_assert_null(rl_volume_start(lab->pool, V, &alice, flags[i], &error));
        take_error(g_steal_pointer(&error), RL_ERROR_STATE, COPY);
    }
    lab_stop(lab, V, NULL, RL_STOP_HELD);
    lab_stop(lab, V, &alice, RL_STOP_HELD);
    g_assert_false(rl_volume_resize(lab->pool, V, 2 * MIB, 0, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, COPY);
    nothing_changed(lab);
}

/* Of a pool that was put back while its domain ran on. */
static void
test_end_leaves_it(Lab *lab)
{
    const RlEnd stopped = {.owner = &alice, .reason = RL_END_STOPPED};
    const RlClaim to_bob = {.from = &alice, .to = &bob};
    g_autoptr(GError) error = NULL;
    bool done = true;

    run_and_copy(lab);
    rl_volume_pass_on(lab->pool, V, &to_bob, &done, &error);
    g_assert_no_error(error);
    g_assert_false(done);
    rl_volume_end(lab->pool, V, &stopped, &done, &error);
    g_assert_no_error(error);
    g_assert_false(done);
    nothing_changed(lab);
}

static void
test_continue(Lab *lab)
{
    run_and_copy(lab);
    go_on(lab, V);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    /* From now on it is a run of this inode. */
    lab_crash(lab, V);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static void
test_discard(Lab *lab)
{
    g_autoptr(GError) error = NULL;

    run_and_copy(lab);
    rl_volume_discard(lab->pool, V, &error);
    g_assert_no_error(error);
    lab_start(lab, V, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "one");
}

static void
test_direct(Lab *lab)
{
    GError *error = NULL;

    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, DIRECT, &alice);
    image_write(lab, DIRECT, RL_FILE_DIRTY, "two");
    lab_crash(lab, DIRECT);
    put_back_copy(lab, DIRECT);
    lab_start_fails(lab, DIRECT, &alice, RL_ERROR_STATE, COPY);
    lab_stop(lab, DIRECT, NULL, RL_STOP_HELD);
    g_assert_false(rl_volume_discard(lab->pool, DIRECT, &error));
    take_error(error, RL_ERROR_STATE, DIRECT);
    go_on(lab, DIRECT);
    lab_start(lab, DIRECT, &alice);
    lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
    image_is(lab, DIRECT, RL_FILE_CLEAN, "two");
}

/* Nobody wrote to it when it was copied, and the note goes with it if its restore fails. */
static void
test_saved(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    rl_volume_save(lab->pool, V, &alice, &done, &error);
    g_assert_no_error(error);
    put_back_copy(lab, V);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
    rl_volume_announce_restore(lab->pool, V, &alice, &error);
    g_assert_no_error(error);
    RlStarted *started = lab_start_with(lab, V, &alice, RL_START_RESTORED);
    rl_volume_unstart(lab->pool, started, &alice, &error);
    g_assert_no_error(error);
    rl_started_free(started);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SAVED);
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_RESTORED));
    rl_volume_confirm(lab->pool, V, &alice, &error);
    g_assert_no_error(error);
    lab_crash(lab, V);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    put_back_copy(lab, V);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
}

/* rsync -X reads short attributes with the list of files, and the others with the content: between
 * the two the domain was restored. */
static void
test_restored_meanwhile(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    rl_volume_save(lab->pool, V, &alice, &done, &error);
    g_assert_no_error(error);
    rl_volume_announce_restore(lab->pool, V, &alice, &error);
    g_assert_no_error(error);
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_RESTORED));
    rl_volume_confirm(lab->pool, V, &alice, &error);
    g_assert_no_error(error);
    put_back_copy(lab, V);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_mark_set(fd, RL_MARK_SAVED, NULL));
    nothing_changed(lab);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, COPY);
}

/* tar reads all attributes of a file, and then its content: it gets what was saved. */
static void
test_restored_while_read(Lab *lab)
{
    g_autoptr(GError) error = NULL;
    char text[4] = "";
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    rl_volume_save(lab->pool, V, &alice, &done, &error);
    g_assert_no_error(error);
    rl_autofd int reader = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    rl_volume_announce_restore(lab->pool, V, &alice, &error);
    g_assert_no_error(error);
    rl_started_free(lab_start_with(lab, V, &alice, RL_START_RESTORED));
    rl_volume_confirm(lab->pool, V, &alice, &error);
    g_assert_no_error(error);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    image_write(lab, V, RL_FILE_DIRTY, "six");
    g_assert_cmpint(pread(reader, text, 3, 0), ==, 3);
    g_assert_cmpstr(text, ==, lab->reflinks ? "two" : "six");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "six");
}

/* Writes @inode for what is noted of the inode; removes it for NULL. */
static void
note_inode(Lab *lab, const char *inode)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);

    g_free(run->inode);
    run->inode = g_strdup(inode);
    run->copied = false; /* what is put back is ours */
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
}

static void
test_what_is_noted(Lab *lab)
{
    struct {
        const char *format;
        RlState state;
    } cases[] = {
        {"%1$lu", RL_STATE_LEFT}, /* the file system tells no time of birth, or did not */
        {"%1$lu9", RL_STATE_SUSPECT},
        {"9%1$lu", RL_STATE_SUSPECT},
        {"%1$lu 1.000000000", RL_STATE_SUSPECT}, /* the number was given again */
        {"damage", RL_STATE_SUSPECT},
        {"", RL_STATE_SUSPECT},
    };

    run_and_copy(lab);
    note_inode(lab, NULL); /* an earlier version's */
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *inode =
            g_strdup_printf(cases[i].format, (unsigned long) image_inode(lab, V, RL_FILE_DIRTY));
        note_inode(lab, inode);
        g_assert_cmpint(lab_state(lab, V), ==, cases[i].state);
    }
}

/* Each inode that we make of a dirty image is noted: only what came from elsewhere is a copy. */
static void
test_unshare(Lab *lab)
{
    g_autoptr(GError) error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_crash(lab, V);
    ino_t before = image_inode(lab, V, RL_FILE_DIRTY);
    {
        g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
        rl_unshare_dirty(volume, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpint(image_inode(lab, V, RL_FILE_DIRTY), !=, before);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    put_back_copy(lab, V);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_SUSPECT);
}

/* The domain goes on with the same file under another name. */
static void
test_same_file(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    g_autofree char *away = g_strconcat(dirty, "-away", NULL);

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_crash(lab, V);
    g_assert_cmpint(rename(dirty, away), ==, 0);
    g_assert_cmpint(rename(away, dirty), ==, 0);
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* --- A program that reads by inode finds the running image under the clean one's name. */

static void
fails_to_read(Lab *lab, const char *name)
{
    GError *error = NULL;

    g_assert_cmpint(rl_content_open(lab->pool, name, false, &error), ==, -1);
    take_error(error, RL_ERROR_STATE, "torn & setfattr");
}

static void
fails_to_defragment(Lab *lab, const char *name)
{
    const RlDefragment how = {.rule = {.limit = MIB}};
    RlDefragmented found;
    GError *error = NULL;

    g_assert_false(rl_volume_defragment(lab->pool, name, &how, &found, &error));
    take_error(error, RL_ERROR_STATE, "torn & setfattr");
}

static void
test_running_at_rest(Lab *lab)
{
    const RlKind kinds[] = {RL_KIND_PERSISTENT, RL_KIND_DIRECT};
    g_autofree char *backup = lab_path(lab, "backup");

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const char *name = i == 0 ? V : DIRECT;
        g_autofree char *clean = lab_file(lab, name, RL_FILE_CLEAN),
                        *dirty = lab_file(lab, name, RL_FILE_DIRTY),
                        *command = g_strdup_printf("cp -a '%s' '%s'", dirty, backup),
                        *back = g_strdup_printf("rm '%1$s' && cp -a '%2$s' '%1$s'", clean, backup);
        lab_create_kind(lab, name, kinds[i], NULL, "one", MIB);
        lab_start(lab, name, &alice);
        image_write(lab, name, RL_FILE_DIRTY, "two");
        g_assert_cmpint(system(command), ==, 0);
        lab_stop(lab, name, &alice, i == 0 ? RL_STOP_COMMITTED : RL_STOP_RETURNED);
        g_assert_cmpint(system(back), ==, 0);
        lab_start_fails(lab, name, &alice, RL_ERROR_STATE, "torn & setfattr");
        fails_to_read(lab, name);
        fails_to_defragment(lab, name);
        g_assert_cmpint(lab_state(lab, name), ==, RL_STATE_STOPPED);
        g_assert_cmpint(removexattr(clean, RL_ATTR_PREFIX RL_ATTR_RUN), ==, 0);
        lab_start(lab, name, &alice);
        image_is(lab, name, RL_FILE_DIRTY, "two");
    }
}

/* --- What is put back over the file itself keeps the inode. */

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static void
leave_boot(void)
{
    g_assert_cmpint(umount2(BOOT_ID, MNT_DETACH), ==, 0);
}

/* The host has booted: it has another id, and began now. Until leave_boot(). */
static void
boot(Lab *lab)
{
    g_autofree char *file = lab_path(lab, "boot-id"), *id = g_uuid_string_random();

    g_usleep(20 * 1000); /* a tick of the file system's clock */
    if (g_file_test(file, G_FILE_TEST_EXISTS))
        leave_boot();
    g_assert_true(g_file_set_contents(file, id, -1, NULL));
    /* Until so long after that nothing is told. */
    gint64 began_us = g_get_real_time() - RL_OWNER_CLOCK_US;
    const struct timespec times[] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = began_us / G_USEC_PER_SEC, .tv_nsec = began_us % G_USEC_PER_SEC * 1000}};
    g_assert_cmpint(utimensat(AT_FDCWD, file, times, 0), ==, 0);
    g_assert_cmpint(mount(file, BOOT_ID, NULL, MS_BIND, NULL), ==, 0);
    g_usleep(20 * 1000);
}

/* What @alice had written when the host went down, of which there is a backup of an earlier moment;
 * the host has booted. */
static void
run_and_boot(Lab *lab, const char *name, RlKind kind)
{
    g_autofree char *backup = lab_path(lab, "backup");

    lab_create_kind(lab, name, kind, NULL, "one", MIB);
    lab_start(lab, name, &alice);
    image_write(lab, name, RL_FILE_DIRTY, "two");
    g_autofree char *dirty = lab_file(lab, name, RL_FILE_DIRTY);
    g_autofree char *command = g_strdup_printf("cp -a --reflink=never '%s' '%s'", dirty, backup);
    g_assert_cmpint(system(command), ==, 0);
    image_write(lab, name, RL_FILE_DIRTY, "three");
    boot(lab);
    g_assert_cmpint(lab_state(lab, name), ==, RL_STATE_LEFT);
}

static void
put_back_in_place(Lab *lab, const char *name, const char *how)
{
    g_autofree char *dirty = lab_file(lab, name, RL_FILE_DIRTY), *backup = lab_path(lab, "backup");
    g_autofree char *command = g_strdup_printf("%s '%s' '%s'", how, backup, dirty);
    ino_t inode = image_inode(lab, name, RL_FILE_DIRTY);

    g_assert_cmpint(system(command), ==, 0);
    g_assert_cmpuint(image_inode(lab, name, RL_FILE_DIRTY), ==, inode);
}

static void
test_put_back_in_place(Lab *lab)
{
    static const char *const ways[] = {"cp -a --reflink=never", "cp -p --reflink=never",
                                       "cp --reflink=never"};
    const RlKind kinds[] = {RL_KIND_PERSISTENT, RL_KIND_DIRECT};

    for (size_t i = 0; i < G_N_ELEMENTS(ways) * G_N_ELEMENTS(kinds); i++) {
        g_autofree char *name = g_strdup_printf("vm/%zu", i);
        RlKind kind = kinds[i % G_N_ELEMENTS(kinds)];
        run_and_boot(lab, name, kind);
        put_back_in_place(lab, name, ways[i / G_N_ELEMENTS(kinds)]);
        g_assert_cmpint(lab_state(lab, name), ==, RL_STATE_SUSPECT);
        lab_start_fails(lab, name, &alice, RL_ERROR_STATE, COPY);
        lab_stop(lab, name, NULL, RL_STOP_HELD);
        go_on(lab, name);
        lab_start(lab, name, &alice);
        image_is(lab, name, RL_FILE_DIRTY, "two");
    }
    leave_boot();
}

/* A start that fails, and a resize, are ours. */
static void
test_changed_by_us(Lab *lab)
{
    GError *error = NULL;

    run_and_boot(lab, V, RL_KIND_PERSISTENT);
    RlStarted *started = lab_start_with(lab, V, &alice, 0);
    rl_volume_unstart(lab->pool, started, &alice, &error);
    g_assert_no_error(error);
    rl_started_free(started);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    boot(lab);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    g_assert_no_error(error);
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    boot(lab);
    lab_start(lab, V, &bob);
    image_is(lab, V, RL_FILE_DIRTY, "three");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    leave_boot();
}

/* The disks were another host's, whose clock and boot are not known here. */
static void
test_of_another_host(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
        g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
        g_free(run->host);
        run->host = g_strdup("another");
        g_assert_true(rl_image_owner_put_back(fd, run, NULL));
    }
    boot(lab);
    image_write(lab, V, RL_FILE_DIRTY, "three"); /* later than this host's boot */
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
    lab_start(lab, V, &alice);
    leave_boot();
}

static void
test_begun_by_hand(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &by_hand);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_crash(lab, V);
    put_back_copy(lab, V);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "torn & 'virt-reflink start' & discard");
    nothing_changed(lab);
}

/* An administrator writes to what he began when he likes, and what is dropped in any case can be
 * what it wants. */
static void
test_changed_by_others(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/b/root", RL_KIND_SNAPSHOT, V, NULL, MIB);
    lab_create(lab, "a/b/hand", "one", MIB);
    lab_start(lab, "a/b/root", &alice);
    lab_start(lab, "a/b/hand", &by_hand);
    boot(lab);
    image_write(lab, "a/b/root", RL_FILE_DIRTY, "two");
    image_write(lab, "a/b/hand", RL_FILE_DIRTY, "two");
    g_assert_cmpint(lab_state(lab, "a/b/root"), ==, RL_STATE_LEFT);
    lab_start(lab, "a/b/root", &alice);
    image_is(lab, "a/b/root", RL_FILE_DIRTY, "one");
    g_assert_cmpint(lab_state(lab, "a/b/hand"), ==, RL_STATE_LEFT);
    lab_stop(lab, "a/b/hand", NULL, RL_STOP_COMMITTED);
    image_is(lab, "a/b/hand", RL_FILE_CLEAN, "two");
    leave_boot();
}

/* A leftover that a domain is given while it runs is a disk of this boot's. */
static void
test_handed_over(Lab *lab)
{
    GError *error = NULL;
    bool done;

    run_and_boot(lab, V, RL_KIND_PERSISTENT);
    g_assert_true(
        rl_volume_claim(lab->pool, V, &(RlClaim){.to = &bob, .overlaid = false}, &done, &error));
    g_assert_no_error(error);
    g_assert_true(done);
    g_autoptr(RlImageOwner) run = lab_run_of(lab, V);
    g_autofree char *here = rl_boot_id(NULL);
    g_assert_cmpstr(run->boot_id, ==, here);
    image_write(lab, V, RL_FILE_DIRTY, "four");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "four");
    leave_boot();
}

void
add_tests(void)
{
    lab_add("/copied/changed-by-others", test_changed_by_others);
    lab_add("/copied/begun-by-hand", test_begun_by_hand);
    lab_add("/copied/handed-over", test_handed_over);
    lab_add("/copied/running-at-rest", test_running_at_rest);
    lab_add("/copied/put-back-in-place", test_put_back_in_place);
    lab_add("/copied/changed-by-us", test_changed_by_us);
    lab_add("/copied/of-another-host", test_of_another_host);
    lab_add("/copied/is-refused", test_is_refused);
    lab_add("/copied/end-leaves-it", test_end_leaves_it);
    lab_add("/copied/continue", test_continue);
    lab_add("/copied/discard", test_discard);
    lab_add("/copied/direct", test_direct);
    lab_add("/copied/saved", test_saved);
    lab_add("/copied/restored-meanwhile", test_restored_meanwhile);
    lab_add("/copied/restored-while-read", test_restored_while_read);
    lab_add("/copied/what-is-noted", test_what_is_noted);
    lab_add("/copied/unshare", test_unshare);
    lab_add("/copied/same-file", test_same_file);
}
