/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Somebody has an image at rest open for writing: nothing is made from it, and nothing is put in
 * its place. */
#include "common/pool/writers.h"

#include "common/base/autofd.h"
#include "common/fs/openers.h"
#include "common/image/content.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance-turn.h"
#include "common/operation/maintenance.h"
#include "common/operation/rename.h"
#include "common/operation/resize.h"
#include "common/operation/upload.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define V "a/b/private"
#define DIRECT "db/main"
#define SNAPSHOT "a/b/root"
#define BUSY ".img & open for writing"

static int
open_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static int
open_revision(Lab *lab, const char *which)
{
    g_autofree char *path = revision_path(lab, V, which);

    return open_path(path, O_RDWR);
}

/* @name cannot be started, nothing has changed by that, and it can be when @writer has gone. */
static void
not_started_before(Lab *lab, const char *name, int *writer)
{
    g_autofree char *before = list_tree(lab->path);
    GError *error = NULL;

    /* The image may be its source's. */
    g_assert_null(rl_volume_start(lab->pool, name, &alice, 0, &error));
    take_error(error, RL_ERROR_BUSY, BUSY);
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
    rl_fd_close(writer);
    lab_start(lab, name, &alice);
}

static void
test_start(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    rl_autofd int reader = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);

    not_started_before(lab, V, &writer);
}

static void
test_start_from_precache(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_assert_true(rl_volume_maintain(lab->pool, V, false, NULL));
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_WRONLY);
    not_started_before(lab, V, &writer);
}

/* That one is made anew instead. */
static void
test_written_precache(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_assert_true(rl_volume_maintain(lab->pool, V, false, NULL));
    ino_t inode = image_inode(lab, V, RL_FILE_PRECACHE);
    rl_autofd int writer = image_open(lab, V, RL_FILE_PRECACHE, O_RDWR);
    lab_start(lab, V, &alice);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), !=, inode);
}

static void
test_no_precache(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    {
        rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
        g_assert_true(rl_volume_maintain(lab->pool, V, false, NULL));
        g_assert_false(image_is_there(lab, V, RL_FILE_PRECACHE));
    }
    g_assert_true(rl_volume_maintain(lab->pool, V, false, NULL));
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
}

static void
test_start_of_snapshot(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, SNAPSHOT, RL_KIND_SNAPSHOT, V, NULL, 0);
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    not_started_before(lab, SNAPSHOT, &writer);
}

/* What another boot's run left goes only if something can take its place. */
static void
test_leftover_of_snapshot(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, SNAPSHOT, RL_KIND_SNAPSHOT, V, NULL, 0);
    lab_start(lab, SNAPSHOT, &alice);
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    not_started_before(lab, SNAPSHOT, &writer);
}

static void
test_start_of_direct(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    ino_t inode = image_inode(lab, DIRECT, RL_FILE_CLEAN);
    rl_autofd int writer = image_open(lab, DIRECT, RL_FILE_CLEAN, O_RDWR);
    not_started_before(lab, DIRECT, &writer);
    g_assert_cmpuint(image_inode(lab, DIRECT, RL_FILE_DIRTY), ==, inode);
}

/* The end waits, as for somebody who has the dirty image open; it says who, when it gives up. */
static void
test_commit(Lab *lab)
{
    GError *error = NULL;
    RlStop stop;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    lab_stop_fails(lab, V, &alice, RL_ERROR_BUSY, "'private.img' & open");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    image_is(lab, V, RL_FILE_DIRTY, "two");
    assert_revisions(lab, V, "");
    g_assert_false(rl_volume_stop(lab->pool, V, &alice, &stop, &error));
    rl_clean_name_writer(lab->pool, V, &error);
    take_error(error, RL_ERROR_BUSY, "test-clean");

    rl_fd_close(&writer);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    assert_revisions(lab, V, "1");
}

static void
source_is(Lab *lab, const char *name, bool live, bool wanted)
{
    g_autoptr(GError) error = NULL;
    rl_autofd int fd = rl_content_open(lab->pool, name, live, &error);

    g_assert_cmpint(fd >= 0, ==, wanted);
    if (!wanted)
        take_error(g_steal_pointer(&error), RL_ERROR_BUSY, BUSY);
}

/* Clones, named revisions and exports. Of what a domain runs on, its own image alone counts. */
static void
test_sources(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    rl_autofd int revision = open_revision(lab, "1");
    rl_autofd int direct = image_open(lab, DIRECT, RL_FILE_CLEAN, O_RDWR);

    source_is(lab, V "@1", false, false);
    source_is(lab, V, false, true);
    source_is(lab, DIRECT, true, false);
    rl_autofd int clean = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    source_is(lab, V, false, false);
    source_is(lab, V, true, false);
    rl_fd_close(&clean);
    lab_start(lab, V, &alice);
    rl_autofd int dirty = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    source_is(lab, V, true, true);
    source_is(lab, V, false, true);
}

static RlStagedImage *
replacement(Lab *lab, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;

    return rl_staged_new(lab_pool(lab), V "@current", &access, error);
}

static void
test_replace(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    g_assert_null(replacement(lab, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_BUSY, BUSY);
    assert_revisions(lab, V, "");
    rl_fd_close(&writer);
    {
        g_autoptr(RlStagedImage) draft = replacement(lab, &error);
        g_assert_no_error(error);
        writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
        g_assert_false(rl_staged_replace(draft, &error));
        take_error(g_steal_pointer(&error), RL_ERROR_BUSY, BUSY);
    }
    image_is(lab, V, RL_FILE_CLEAN, "one");
    assert_revisions(lab, V, "");
}

static void
test_upload(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    g_assert_null(rl_upload_begin(lab_pool(lab), V, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_BUSY, BUSY);
    rl_fd_close(&writer);
    g_autoptr(RlStagedImage) draft = rl_upload_begin(lab_pool(lab), V, &error);
    g_assert_no_error(error);
    writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    g_assert_false(rl_upload_commit(draft, 1000, &error));
    take_error(error, RL_ERROR_BUSY, BUSY);
    image_is(lab, V, RL_FILE_CLEAN, "one");
    assert_revisions(lab, V, "");
}

static void
test_resize(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    ino_t inode = image_inode(lab, V, RL_FILE_CLEAN);
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    g_assert_false(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
    take_error(error, RL_ERROR_BUSY, BUSY);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_CLEAN), ==, inode);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, MIB);
}

static void
remove_fails(Lab *lab)
{
    g_autofree char *before = list_tree(lab->path);
    GError *error = NULL;

    g_assert_false(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
    take_error(error, RL_ERROR_BUSY, BUSY);
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

static void
test_delete(Lab *lab)
{
    g_autoptr(RlName) name = rl_name_parse(V "@1", NULL);
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    remove_fails(lab);
    rl_fd_close(&writer);
    writer = open_revision(lab, "1");
    remove_fails(lab);
    g_assert_false(rl_revision_delete(lab->pool, name, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_BUSY, BUSY);
    rl_fd_close(&writer);
    g_assert_true(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
    g_assert_no_error(error);
}

/* It goes after a later commit. */
static void
test_prune(Lab *lab)
{
    lab_options(lab, 1);
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    rl_autofd int writer = open_revision(lab, "1");
    lab_run(lab, V, "three");
    assert_revisions(lab, V, "1 2");
    rl_fd_close(&writer);
    lab_run(lab, V, "four");
    assert_revisions(lab, V, "3");
}

static void
hold_for_writing(void *path)
{
    open_path(path, O_RDWR);
}

static void
hold_for_reading(void *path)
{
    open_path(path, O_RDONLY);
}

static char *
describe(const char *path)
{
    rl_autofd int fd = open_path(path, O_RDONLY);

    return rl_opener_describe(fd, RL_OPENERS_WRITING);
}

static void
test_opener_is_named(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "image");

    make_file(path, "x");
    pid_t reader = child_that_holds(hold_for_reading, path);
    g_autofree char *no_process = describe(path);
    g_assert_null(no_process);
    pid_t writer = child_that_holds(hold_for_writing, path);
    g_autofree char *process = describe(path);
    g_autofree char *wanted = g_strdup_printf("process %d (test-clean, /", (int) writer);
    g_assert_true(process && g_str_has_prefix(process, wanted));
    kill_child(writer);
    kill_child(reader);
}

typedef struct {
    Lab *lab;
    const char *path;
    bool maintains;
} Reader;

static void
read_it(void *data)
{
    const Reader *reader = data;

    if (reader->maintains)
        g_assert_nonnull(rl_maintenance_turn(reader->lab->pool, V, NULL));
    open_path(reader->path, O_RDONLY);
}

/* Longer than a reader is waited for. */
static void *
end_later(void *pid)
{
    g_usleep(600 * 1000);
    kill_child(GPOINTER_TO_INT(pid));
    return NULL;
}

static bool
delete_first(Lab *lab, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse(V "@1", NULL);

    return rl_revision_delete(lab->pool, name, error);
}

static bool
delete_all(Lab *lab, GError **error)
{
    return rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, error);
}

static bool
rename_it(Lab *lab, GError **error)
{
    return rl_volume_rename_to(lab->pool, V, "a/other", error);
}

/* Another process that reads is named, and stays in the way. Our own maintenance ends by itself. */
static void
read_meanwhile(Lab *lab, bool (*operation)(Lab *lab, GError **error))
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    g_autofree char *path = revision_path(lab, V, "1");
    Reader reader = {lab, path, false};
    pid_t pid = child_that_holds(read_it, &reader);
    g_autofree char *wanted = g_strdup_printf("process %d (test-clean", (int) pid);
    g_assert_false(operation(lab, &error));
    take_error(error, RL_ERROR_BUSY, wanted);
    kill_child(pid);

    reader.maintains = true;
    pid = child_that_holds(read_it, &reader);
    GThread *ends = g_thread_new("ends", end_later, GINT_TO_POINTER(pid));
    error = NULL;
    g_assert_true(operation(lab, &error));
    g_assert_no_error(error);
    g_thread_join(ends);
}

static void
test_maintenance_outlasted(Lab *lab)
{
    lab_options(lab, 9);
    read_meanwhile(lab, delete_first);
    g_assert_true(delete_all(lab, NULL));
    read_meanwhile(lab, delete_all);
    read_meanwhile(lab, rename_it);
}

static void
hold_as_hostile(void *path)
{
    g_assert_cmpint(prctl(PR_SET_NAME, "\x1b[2J\x7f"), ==, 0);
    hold_for_writing(path);
}

/* Any user names his process as he likes. */
static void
test_hostile_name(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "image");

    make_file(path, "x");
    pid_t writer = child_that_holds(hold_as_hostile, path);
    g_autofree char *process = describe(path);
    g_autofree char *wanted = g_strdup_printf("process %d (?[2J?, /", (int) writer);
    g_assert_true(process && g_str_has_prefix(process, wanted));
    kill_child(writer);
}

/* A mapping has no descriptor: nobody is named, and nothing is invented. */
static void
test_mapping_has_no_name(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    rl_autofd int writer = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
    g_assert_true(map != MAP_FAILED);
    rl_fd_close(&writer);
    lab_start_fails(lab, V, &alice, RL_ERROR_BUSY, "'private.img' & open");
    g_assert_cmpint(munmap(map, 4096), ==, 0);
    lab_start(lab, V, &alice);
}

static void
test_loop_device_is_named(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "image");
    rl_autofd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    g_autofree char *wanted = g_strdup_printf("/dev/loop%d", number);
    rl_autofd int device = number < 0 ? -1 : open(wanted, O_RDWR | O_CLOEXEC);

    make_file(path, "x");
    rl_autofd int backing = open_path(path, O_RDWR);
    if (device < 0 || ioctl(device, LOOP_SET_FD, backing) < 0) {
        g_test_skip("no loop devices");
        return;
    }
    rl_fd_close(&backing);
    g_autofree char *name = describe(path);
    g_assert_cmpint(ioctl(device, LOOP_CLR_FD), ==, 0);
    g_assert_cmpstr(name, ==, wanted);
}

/* An error that says "in use" is told who it is, any other one is left alone. */
static void
test_writer_is_named(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_clean_name_writer(lab->pool, V, NULL);
    rl_clean_name_writer(lab->pool, V, &error);
    g_assert_no_error(error);

    rl_fail(&error, RL_ERROR_BUSY, "it is in use");
    rl_clean_name_writer(lab->pool, V, &error);
    g_assert_cmpstr(error->message, ==, "it is in use");
    rl_clean_name_writer(lab->pool, "a/b/none", &error);
    rl_clean_name_writer(lab->pool, "a//b", &error);
    g_assert_cmpstr(error->message, ==, "it is in use");

    rl_autofd int dirty = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    rl_clean_name_writer(lab->pool, V, &error);
    g_assert_true(g_str_has_prefix(error->message, "it is in use. Open for writing in process "));
    take_error(error, RL_ERROR_BUSY, "it is in use. Open for writing in process ");
    error = NULL;
    rl_autofd int clean = image_open(lab, V, RL_FILE_CLEAN, O_RDWR);
    rl_fail(&error, RL_ERROR_BUSY, "both");
    rl_clean_name_writer(lab->pool, V, &error);
    take_error(error, RL_ERROR_BUSY, "), process ");
    error = NULL;
    rl_fd_close(&dirty);
    rl_fail(&error, RL_ERROR_BUSY, "clean");
    rl_clean_name_writer(lab->pool, V, &error);
    take_error(error, RL_ERROR_BUSY, "clean. Open for writing in process ");
    error = NULL;
    rl_fail(&error, RL_ERROR_STATE, "suspect");
    rl_clean_name_writer(lab->pool, V, &error);
    g_assert_cmpstr(error->message, ==, "suspect");
    g_clear_error(&error);
}

void
add_tests(void)
{
    lab_add("/clean/writer-is-named", test_writer_is_named);
    lab_add("/clean/start", test_start);
    lab_add("/clean/start-from-precache", test_start_from_precache);
    lab_add("/clean/written-precache", test_written_precache);
    lab_add("/clean/no-precache", test_no_precache);
    lab_add("/clean/start-of-snapshot", test_start_of_snapshot);
    lab_add("/clean/leftover-of-snapshot", test_leftover_of_snapshot);
    lab_add("/clean/start-of-direct", test_start_of_direct);
    lab_add("/clean/commit", test_commit);
    lab_add("/clean/sources", test_sources);
    lab_add("/clean/replace", test_replace);
    lab_add("/clean/upload", test_upload);
    lab_add("/clean/resize", test_resize);
    lab_add("/clean/delete", test_delete);
    lab_add("/clean/prune", test_prune);
    lab_add("/clean/opener-is-named", test_opener_is_named);
    lab_add("/clean/maintenance-outlasted", test_maintenance_outlasted);
    lab_add("/clean/hostile-name", test_hostile_name);
    lab_add("/clean/mapping-has-no-name", test_mapping_has_no_name);
    lab_add("/clean/loop-device-is-named", test_loop_device_is_named);
}
