/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* As meanwhile: what is changed, or gone, between the looks at it. */
#include "common/base/autofd.h"
#include "common/image/content.h"
#include "common/operation/maintenance.h"
#include "common/operation/resize.h"
#include "common/operation/staged-image.h"
#include "common/operation/unshare.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define V "a/b/private"
#define DIRECT "a/b/direct"

/* Tries it, and wants it to fail so; or not to fail, if @code is 0. */
static void
try(Lab *lab, Disturbance disturbance, Attempt attempt, int code, const char *words)
{
    GError *error = NULL;
    bool done = disturb(lab, &disturbance, attempt, &error);

    g_assert_cmpint(disturbance.made, >=, disturbance.first);
    if (!code)
        g_assert_no_error(error);
    g_assert_cmpint(done, ==, code == 0);
    if (code)
        take_error(error, code, words);
}

ATTEMPT(start, try_start(lab, V, &bob, error))
ATTEMPT(stop, try_stop(lab, V, &alice, error))

/* --- the clean image changes under a start: what is started is what is there in the end */

static int
give_second_name(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *other = lab_path(lab, "a/other");

    g_assert_cmpint(link(clean, other), ==, 0);
    return 0;
}

static int
make_larger(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    struct stat st = look(clean);

    set_size(clean, 2 * MIB);
    set_mtime(clean, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return 0;
}

static int
write_to_it(Lab *lab)
{
    image_write(lab, V, RL_FILE_CLEAN, "two");
    return 0;
}

static void
test_clean_image_changes(Lab *lab)
{
    int (*const changes[])(Lab *) = {make_larger, write_to_it, give_second_name};
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    for (guint lock = 1; lock <= 2; lock++)
        for (size_t i = 0; i < (lock == 1 ? 3 : 2); i++) {
            const Disturbance before_the_lock = {
                .nr = SYS_flock, .first = lock, .count = 1, .before = changes[i]};
            try(lab, before_the_lock, start, 0, NULL);
            g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 2 * MIB);
            image_is(lab, V, RL_FILE_DIRTY, lock == 1 && i == 0 ? "one" : "two");
            g_assert_cmpint(unlink(dirty), ==, 0);
        }
}

static int
start_it(Lab *lab)
{
    lab_start(lab, V, &alice);
    return 0;
}

/* Somebody else starts it while its image is made: that one has it. */
static void
test_started_while_it_is_made(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    try(lab, (Disturbance){.nr = SYS_flock, .first = 2, .count = 1, .before = start_it}, start,
        RL_ERROR_BUSY, "'alice'");
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
}

/* --- a direct volume's image is about to become one that nobody shares */

ATTEMPT(start_direct, try_start(lab, DIRECT, &bob, error))

static int
write_to_direct(Lab *lab)
{
    image_write(lab, DIRECT, RL_FILE_CLEAN, "two");
    return 0;
}

static int
put_dirty_there(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, DIRECT, RL_FILE_DIRTY);

    make_file(dirty, "whose?");
    return 0;
}

static void
test_direct_volume_is_unshared(Lab *lab)
{
    Disturbance second_lock = {.nr = SYS_flock, .first = 2, .count = 1, .before = write_to_direct};
    g_autofree char *clean = lab_file(lab, DIRECT, RL_FILE_CLEAN);
    g_autofree char *other = lab_path(lab, "other");

    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(link(clean, other), ==, 0);
    try(lab, second_lock, start_direct, 0, NULL);
    image_is(lab, DIRECT, RL_FILE_DIRTY, "two");
    lab_stop(lab, DIRECT, &bob, RL_STOP_RETURNED);

    g_assert_cmpint(unlink(other), ==, 0);
    g_assert_cmpint(link(clean, other), ==, 0);
    second_lock.before = put_dirty_there;
    try(lab, second_lock, start_direct, RL_ERROR_STATE, "no attributes of the pool");
    image_is(lab, DIRECT, RL_FILE_CLEAN, "two");
    image_is(lab, DIRECT, RL_FILE_DIRTY, "whose?");
}

/* --- a dirty image that a process has open gets a reflink in its place */

static bool
unshare_it(Lab *lab, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, V, error);

    return volume && rl_unshare_dirty(volume, error);
}

static int
write_to_dirty(Lab *lab)
{
    image_write(lab, V, RL_FILE_DIRTY, "six");
    return 0;
}

static int
remove_dirty(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    g_assert_cmpint(unlink(dirty), ==, 0);
    return 0;
}

static void
test_dirty_image_is_unshared(Lab *lab)
{
    Disturbance lock = {.nr = SYS_flock, .first = 1, .count = 1};
    g_autofree char *dir = lab_path(lab, "a/b"), *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    g_autoptr(RlImageOwner) run = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    struct stat before = look(dirty);
    try(lab, lock, unshare_it, 0, NULL);
    struct stat after = look(dirty);
    g_assert_cmpuint(after.st_ino, !=, before.st_ino);
    g_assert_cmpint(after.st_mtim.tv_sec, ==, before.st_mtim.tv_sec);
    g_assert_cmpint(after.st_mtim.tv_nsec, ==, before.st_mtim.tv_nsec);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    run = lab_run_of(lab, V);
    g_assert_cmpstr(run->name, ==, "alice");

    /* A clone of what it was before would lose what was written since. */
    lock.before = write_to_dirty;
    try(lab, lock, unshare_it, 0, NULL);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), ==, after.st_ino);
    image_is(lab, V, RL_FILE_DIRTY, "six");
    /* It is not made once more where it has gone. */
    lock.before = remove_dirty;
    try(lab, lock, unshare_it, 0, NULL);
    assert_list(dir, "private.img");
    g_assert_true(unshare_it(lab, NULL));
    assert_list(dir, "private.img");
}

/* --- a precache is there already */

static ino_t precache;

static int
start_and_stop(Lab *lab)
{
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    precache = image_inode(lab, V, RL_FILE_PRECACHE);
    return 0;
}

ATTEMPT(maintain, rl_volume_maintain(lab->pool, V, false, error))

static void
test_precache_of_somebody_else(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b");

    lab_create(lab, V, "one", MIB);
    try(lab, (Disturbance){.nr = SYS_flock, .first = 3, .count = 1, .before = start_and_stop},
        maintain, 0, NULL);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_PRECACHE), ==, precache);
    assert_list(dir, "private-precache.img private.img");
}

/* --- drafts */

static bool
begin_replacement(Lab *lab, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), V "@current", &access, error);

    return draft != NULL;
}

static void
test_started_when_it_is_to_be_replaced(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    try(lab, (Disturbance){.nr = SYS_flock, .first = 1, .count = 1, .before = start_it},
        begin_replacement, RL_ERROR_STATE, "running & 'alice'");
    assert_revisions(lab, V, "");
}

static int
remove_directory(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "n/new");

    rmdir(path);
    return 0;
}

static bool
begin_in_it(Lab *lab, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), "n/new/volume", &access, error);

    return draft && rl_staged_create(draft, NULL, MIB, error);
}

/* Whoever deletes the last volume in it removes the directory: once more, but not for ever. */
static void
test_directory_is_removed(Lab *lab)
{
    Disturbance always = {.nr = SYS_openat2, .first = 1, .before = remove_directory};
    GError *error = NULL;

    g_assert_false(disturb(lab, &always, begin_in_it, &error));
    take_errno(error, ENOENT, "'n/new'");
    try(lab, (Disturbance){.nr = SYS_openat2, .first = 1, .count = 6, .before = remove_directory},
        begin_in_it, 0, NULL);
    image_is(lab, "n/new/volume", RL_FILE_CLEAN, "");
}

/* --- what is read has another name by the time that it is opened */

static const char *source_text;

static int
stop_it(Lab *lab)
{
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    return 0;
}

static bool
read_live(Lab *lab, GError **error)
{
    rl_autofd int fd = rl_content_open(lab->pool, V, true, error);
    char text[4] = "";

    if (fd < 0)
        return false;
    g_assert_cmpint(pread(fd, text, sizeof(text), 0), ==, sizeof(text));
    g_assert_cmpstr(text, ==, source_text);
    return true;
}

static void
test_source_is_renamed(Lab *lab)
{
    Disturbance never = {.nr = SYS_openat, .first = 1, .code = ENOENT};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    source_text = "two";
    /* The first is that of the record. */
    try(lab, (Disturbance){.nr = SYS_openat, .first = 2, .count = 1, .before = stop_it}, read_live,
        0, NULL);
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
    g_assert_false(disturb(lab, &never, read_live, &error));
    take_errno(error, ENOENT, "private.img");
}

static int
stop_direct(Lab *lab)
{
    lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
    return 0;
}

static bool
read_direct(Lab *lab, GError **error)
{
    rl_autofd int fd = rl_content_open(lab->pool, DIRECT, false, error);

    return fd >= 0;
}

static bool
find_direct(Lab *lab, GError **error)
{
    g_autofree char *path = rl_content_path(lab->pool, DIRECT, false, error);

    return path != NULL;
}

/* It was running when it was looked at. */
static void
test_direct_volume_has_just_stopped(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, DIRECT, &alice);
    /* The first is that of the record, which is read by way of another call. */
    try(lab, (Disturbance){.nr = SYS_openat, .first = 2, .count = 1, .before = stop_direct},
        find_direct, RL_ERROR_STATE, "running");
    g_assert_true(find_direct(lab, NULL));
    g_assert_true(read_direct(lab, NULL));
    GError *error = NULL;
    g_assert_cmpint(rl_content_open(lab->pool, DIRECT "@label", false, &error), <, 0);
    take_error(error, RL_ERROR_NOT_FOUND, "revision");
}

static GThread *reader;
static gint reader_is_done;

static gpointer
read_in_thread(gpointer opaque)
{
    GError *error = NULL;

    g_assert_false(read_direct(opaque, &error));
    g_atomic_int_set(&reader_is_done, true);
    return error;
}

/* The start has seen that nobody reads the image, and is about to rename it. */
static int
begin_to_read(Lab *lab)
{
    g_atomic_int_set(&reader_is_done, false);
    reader = g_thread_new("reader", read_in_thread, lab);
    g_usleep(300 * 1000);
    g_assert_false(g_atomic_int_get(&reader_is_done));
    return 0;
}

static void
test_direct_volume_is_about_to_start(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    try(lab, (Disturbance){.nr = SYS_renameat2, .first = 1, .count = 1, .before = begin_to_read},
        start_direct, 0, NULL);
    take_error(g_thread_join(reader), RL_ERROR_STATE, "running");
}

/* --- ends that fail, and cannot be taken back either */

static int immutable = -1;

static void
set_immutable(bool is)
{
    int flags = 0;

    g_assert_cmpint(ioctl(immutable, FS_IOC_GETFLAGS, &flags), ==, 0);
    flags = is ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    g_assert_cmpint(ioctl(immutable, FS_IOC_SETFLAGS, &flags), ==, 0);
}

static int
make_immutable(Lab *lab)
{
    immutable = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    set_immutable(true);
    return 0;
}

/* Another file has the name now, and keeps it. */
static int
put_another_there(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY), *other = lab_path(lab, "other");

    g_assert_cmpint(rename(dirty, other), ==, 0);
    make_file(dirty, "somebody's own");
    return make_immutable(lab);
}

static void
stop_fails(Lab *lab, int (*change)(Lab *))
{
    /* The first sync of the data is without the lock, the second comes when the run was taken off.
     */
    Disturbance second_sync = {.nr = SYS_fsync, .first = 2, .count = 1, .before = change};
    g_autoptr(RlImageOwner) run = NULL;
    GError *error = NULL;

    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_false(disturb(lab, &second_sync, stop, &error));
    take_errno(error, EPERM, "");
    set_immutable(false);
    g_assert_true(rl_image_owner_get(immutable, &run, NULL));
    g_assert_null(run);
    rl_fd_close(&immutable);
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

static void
test_run_cannot_be_given_back(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    stop_fails(lab, make_immutable);
    image_is(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, NULL, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

static void
test_run_is_of_another_image(Lab *lab)
{
    g_autofree char *other = lab_path(lab, "other");

    lab_create(lab, V, "one", MIB);
    stop_fails(lab, put_another_there);
    image_is(lab, V, RL_FILE_DIRTY, "somebody's own");
    rl_autofd int fd = open(other, O_RDONLY | O_CLOEXEC);
    g_autoptr(RlImageOwner) run = NULL;
    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    g_assert_null(run);
    g_autofree char *text = read_at(other, 0, 4);
    g_assert_cmpstr(text, ==, "two");
}

/* --- whose a named revision of a direct volume is: as long as its domain runs that is noted */

static bool
label_direct(Lab *lab, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autofree char *other = lab_file(lab, V, RL_FILE_CLEAN);
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), DIRECT "@label", &access, error);
    rl_autofd int from = open(other, O_RDONLY | O_CLOEXEC);

    return draft && rl_staged_fill(draft, from, 0, true, error) && rl_staged_label(draft, error);
}

/* It ends between the look at the volume and the look at the note, unless that is kept from it. */
static int
stop_if_it_may(Lab *lab)
{
    RlLock *lock = rl_lock_take(lab->pool->dev, lab->pool->ino, DIRECT, "end", 0, NULL);

    if (!lock)
        return 0;
    rl_lock_release(lock);
    lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
    return 0;
}

static void
test_note_of_access_goes(Lab *lab)
{
    const long calls[] = {SYS_lgetxattr, SYS_flock};
    g_autofree char *clean = lab_file(lab, DIRECT, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(chmod(clean, 0640), ==, 0);
    g_assert_cmpint(chown(clean, 123, 456), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        lab_start(lab, DIRECT, &alice);
        try(lab, (Disturbance){.nr = calls[i], .first = 1, .count = 1, .before = stop_if_it_may},
            label_direct, 0, NULL);
        g_autofree char *label = revision_path(lab, DIRECT, "label");
        struct stat st = look(label);
        g_assert_cmpint(st.st_mode & 07777, ==, 0640);
        g_assert_cmpint(st.st_uid, ==, 123);
        g_assert_cmpint(st.st_gid, ==, 456);
        g_assert_cmpint(unlink(label), ==, 0);
        if (image_is_there(lab, DIRECT, RL_FILE_DIRTY))
            lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
    }
}

/* --- sizes */

ATTEMPT(grow, rl_volume_resize(lab->pool, V, 2 * MIB, true, error))

/* The blocks cannot be had, nor given back. */
static void
test_no_blocks(Lab *lab)
{
    Disturbance full = {.nr = SYS_fallocate, .also = SYS_ftruncate, .first = 1, .code = ENOSPC};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    g_assert_false(disturb(lab, &full, grow, &error));
    take_errno(error, ENOSPC, "allocate");
    g_assert_cmpuint(full.made, ==, 2);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB);
}

void
add_tests(void)
{
    static const struct {
        const char *path;
        LabTest test;
    } tests[] = {
        {"/between/clean-image-changes", test_clean_image_changes},
        {"/between/started-while-it-is-made", test_started_while_it_is_made},
        {"/between/note-of-access-goes", test_note_of_access_goes},
        {"/between/direct-volume-is-unshared", test_direct_volume_is_unshared},
        {"/between/dirty-image-is-unshared", test_dirty_image_is_unshared},
        {"/between/precache-of-somebody-else", test_precache_of_somebody_else},
        {"/between/started-when-it-is-to-be-replaced", test_started_when_it_is_to_be_replaced},
        {"/between/directory-is-removed", test_directory_is_removed},
        {"/between/source-is-renamed", test_source_is_renamed},
        {"/between/direct-volume-has-just-stopped", test_direct_volume_has_just_stopped},
        {"/between/direct-volume-is-about-to-start", test_direct_volume_is_about_to_start},
        {"/between/run-cannot-be-given-back", test_run_cannot_be_given_back},
        {"/between/run-is-of-another-image", test_run_is_of_another_image},
        {"/between/no-blocks", test_no_blocks},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        lab_add_on(tests[i].path, "xfs btrfs", tests[i].test);
}
