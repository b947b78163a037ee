/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/operation/resize.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/fs/loop-device.h"
#include "common/fs/xattr.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "common/operation/staged-image.h"
#include "harness//disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#define V "a/b/private"

static void
resize(Lab *lab, const char *name, uint64_t capacity, bool allocate)
{
    g_autoptr(GError) error = NULL;
    bool done = rl_volume_resize(lab->pool, name, capacity, allocate, &error);

    g_assert_no_error(error);
    g_assert_true(done);
}

static void
test_stopped(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    rl_autofd int reader = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    struct stat st;

    resize(lab, V, 2 * MIB, false);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, 2 * MIB);
    resize(lab, V, 32 * KIB, false);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, 32 * KIB);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    assert_revisions(lab, V, "1");
    g_assert_cmpint(fstat(reader, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, MIB); /* whoever reads the old one keeps it */
    lab_start(lab, V, &alice);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 32 * KIB);
    image_write(lab, V, RL_FILE_DIRTY, "three");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    assert_revisions(lab, V, "1 2");
    g_autofree char *dir = lab_path(lab, "a/b"), *files = list(dir);
    g_assert_null(strchr(files, '~'));
}

/* An overlay of an administrator's needs the state that it was made on. */
static void
test_below_an_overlay(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
        g_assert_true(rl_xattr_set(fd, RL_ATTR_LAYER, "1", NULL));
    }
    resize(lab, V, 2 * MIB, false);
    assert_revisions(lab, V, "1 2");
    revision_is(lab, V, "2", "two");
    image_is(lab, V, RL_FILE_CLEAN, "two");
    resize(lab, V, 3 * MIB, false);
    assert_revisions(lab, V, "1 2");
    lab_run(lab, V, "three");
    revision_is(lab, V, "3", "two");
}

static void
test_running(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    ino_t clean = image_inode(lab, V, RL_FILE_CLEAN);
    lab_start(lab, V, &alice);
    ino_t dirty = image_inode(lab, V, RL_FILE_DIRTY);
    rl_autofd int guest = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);

    resize(lab, V, 3 * MIB, false);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 3 * MIB);
    resize(lab, V, 64 * KIB, false);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 64 * KIB);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_DIRTY), ==, dirty);
    g_assert_cmpuint(image_inode(lab, V, RL_FILE_CLEAN), ==, clean);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, MIB);
    rl_fd_close(&guest);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, 64 * KIB);
}

/* There and back again is a write. */
static void
test_to_the_same_size(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    resize(lab, V, 2 * MIB, false);
    resize(lab, V, MIB, false);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

static void
test_allocate(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    resize(lab, V, 4 * MIB, true);
    g_assert_cmpint(look(clean).st_blocks * 512, >=, 4 * (off_t) MIB);
    lab_start(lab, V, &alice);
    resize(lab, V, 8 * MIB, true);
    g_assert_cmpint(look(dirty).st_blocks * 512, >=, 4 * (off_t) MIB);
    image_is(lab, V, RL_FILE_DIRTY, "one");
}

static void
fails(Lab *lab, const char *name, uint64_t capacity, bool allocate)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = list_tree(lab->path);

    g_assert_false(rl_volume_resize(lab->pool, name, capacity, allocate, &error));
    g_assert_nonnull(strstr(error->message, name));
    rl_volume_maintain(lab->pool, name, false, NULL);
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

static void
test_what_the_disk_cannot_hold(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    g_assert_true(rl_volume_maintain(lab->pool, V, false, NULL));
    fails(lab, V, G_MAXUINT64, false);
    fails(lab, V, (uint64_t) G_MAXINT64 + 1, false);
    fails(lab, V, 100 * 1024 * MIB, true);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, MIB);
    lab_start(lab, V, &alice);
    fails(lab, V, G_MAXUINT64, false);
    fails(lab, V, 100 * 1024 * MIB, true);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB);
}

static uint64_t
capacity(Lab *lab, const char *name)
{
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, name, NULL);
    uint64_t bytes;

    g_assert_true(rl_volume_capacity(volume, &bytes, NULL));
    return bytes;
}

/* What is asked for is rounded up to whole sectors, whatever it is that is resized. */
static void
test_sectors(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "snap", RL_KIND_SNAPSHOT, V, NULL, 0);
    resize(lab, V, 64 * KIB + 1, false);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, 64 * KIB + 512);
    lab_start(lab, V, &alice);
    resize(lab, V, 64 * KIB - 1, true);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 64 * KIB);
    resize(lab, V, 64 * KIB - 1, true);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 64 * KIB);
    resize(lab, "tmp", 1000, false);
    resize(lab, "snap", MIB + 1, false);
    g_assert_cmpuint(capacity(lab, "tmp"), ==, 1024);
    g_assert_cmpuint(capacity(lab, "snap"), ==, MIB + 512);
    resize(lab, V, 0, false);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 0);
}

/* A snapshot has the size that was wished for from now on, in this run and the next, and never less
 * than its source. */
static void
test_snapshots(Lab *lab)
{
    static const char words[] = "'snap' & 'a/b/private'";
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "snap", RL_KIND_SNAPSHOT, V, NULL, 0);
    resize(lab, "snap", 2 * MIB, false);
    g_assert_cmpuint(capacity(lab, "snap"), ==, 2 * MIB);
    g_assert_false(rl_volume_resize(lab->pool, "snap", MIB - 1024, false, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, words);
    lab_start(lab, "snap", &alice);
    g_assert_cmpint(image_size(lab, "snap", RL_FILE_DIRTY), ==, 2 * MIB);
    resize(lab, "snap", 4 * MIB, false);
    g_assert_cmpint(image_size(lab, "snap", RL_FILE_DIRTY), ==, 4 * MIB);
    g_assert_false(rl_volume_resize(lab->pool, "snap", MIB - 1024, false, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, words);
    lab_stop(lab, "snap", &alice, RL_STOP_DROPPED);
    lab_start(lab, "snap", &alice);
    g_assert_cmpint(image_size(lab, "snap", RL_FILE_DIRTY), ==, 4 * MIB);
    resize(lab, "snap", MIB, false);
    g_assert_cmpint(image_size(lab, "snap", RL_FILE_DIRTY), ==, MIB);
    lab_stop(lab, "snap", &alice, RL_STOP_DROPPED);
    g_assert_cmpuint(capacity(lab, "snap"), ==, MIB);
    /* Its source grows: so does it. */
    resize(lab, V, 3 * MIB, false);
    g_assert_cmpuint(capacity(lab, "snap"), ==, 3 * MIB);
    g_assert_false(rl_volume_resize(lab->pool, "snap", MIB, false, &error));
    take_error(error, RL_ERROR_INVALID, words);
}

ATTEMPT(grow_snapshot, rl_volume_resize(lab->pool, "snap", 2 * MIB, false, error))

/* What the next start cannot be told has not been done. */
static void
test_snapshot_cannot_be_noted(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "snap", RL_KIND_SNAPSHOT, V, NULL, 0);
    fails_without(lab, SYS_write, grow_snapshot);
    g_assert_cmpuint(capacity(lab, "snap"), ==, MIB);
    lab_start(lab, "snap", &alice);
    fails_without(lab, SYS_write, grow_snapshot);
    g_assert_cmpint(image_size(lab, "snap", RL_FILE_DIRTY), ==, MIB);
    g_assert_true(grow_snapshot(lab, NULL));
    g_assert_cmpint(image_size(lab, "snap", RL_FILE_DIRTY), ==, 2 * MIB);
}

static void
test_volatile(Lab *lab)
{
    lab_create_kind(lab, "tmp", RL_KIND_VOLATILE, NULL, NULL, MIB);
    resize(lab, "tmp", 2 * MIB, false);
    lab_start(lab, "tmp", &alice);
    g_assert_cmpint(image_size(lab, "tmp", RL_FILE_DIRTY), ==, 2 * MIB);
    resize(lab, "tmp", 4 * MIB, false);
    lab_stop(lab, "tmp", &alice, RL_STOP_DROPPED);
    lab_start(lab, "tmp", &alice);
    g_assert_cmpint(image_size(lab, "tmp", RL_FILE_DIRTY), ==, 4 * MIB);
}

/* A direct volume that was made smaller stays so, also when it has to be unshared. */
static void
test_direct(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, "db/main", RL_FILE_CLEAN);
    g_autofree char *backup = lab_path(lab, "backup");

    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", 2 * MIB);
    resize(lab, "db/main", MIB, false);
    g_assert_cmpint(image_size(lab, "db/main", RL_FILE_CLEAN), ==, MIB);
    g_assert_cmpint(link(clean, backup), ==, 0);
    lab_start(lab, "db/main", &alice);
    g_assert_cmpint(image_size(lab, "db/main", RL_FILE_DIRTY), ==, MIB);
    resize(lab, "db/main", 64 * KIB, false);
    lab_stop(lab, "db/main", &alice, RL_STOP_RETURNED);
    g_assert_cmpint(image_size(lab, "db/main", RL_FILE_CLEAN), ==, 64 * KIB);
    g_assert_cmpint(look(backup).st_size, ==, MIB);
}

static void
test_held(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    const RlMark holds[] = {RL_MARK_SAVED, RL_MARK_SUSPECT};

    for (size_t i = 0; i < G_N_ELEMENTS(holds); i++) {
        GError *error = NULL;
        g_assert_true(rl_mark_set(fd, holds[i], NULL));
        g_assert_false(rl_volume_resize(lab->pool, V, 2 * MIB, false, &error));
        take_error(error, RL_ERROR_STATE, "size");
    }
    GError *error = NULL;
    g_assert_false(rl_volume_resize(lab->pool, "missing", MIB, false, &error));
    take_error(error, RL_ERROR_NOT_FOUND, "'missing'");
}

/* A loop device on @backing; its number, or -1 where there are none. */
static int
attach(int backing, int *ret_device)
{
    rl_autofd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

    for (int i = 0; i < 5 && control >= 0; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        g_autofree char *path = g_strdup_printf("/dev/loop%d", number);
        rl_autofd int device = open(path, O_RDWR | O_CLOEXEC);
        if (device < 0)
            break;
        if (ioctl(device, LOOP_SET_FD, backing) < 0)
            continue; /* somebody else was faster */
        *ret_device = rl_fd_steal(&device);
        return number;
    }
    g_test_skip("no loop devices");
    return -1;
}

static uint64_t
device_size(int number)
{
    g_autofree char *path = g_strdup_printf("/sys/block/loop%d/size", number);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return g_ascii_strtoull(text, NULL, 10) * 512;
}

static void
test_loop_device_follows(Lab *lab)
{
    rl_autofd int device = -1;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_autofd int guest = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    int number = attach(guest, &device);
    if (number < 0)
        return;
    g_assert_cmpuint(device_size(number), ==, MIB);
    resize(lab, V, 2 * MIB, false);
    g_assert_cmpuint(device_size(number), ==, 2 * MIB);
    resize(lab, V, 64 * KIB, false);
    g_assert_cmpuint(device_size(number), ==, 64 * KIB);
    g_assert_cmpint(ioctl(device, LOOP_CLR_FD), ==, 0);
}

/* Devices are found by inode, however the file is called by now; others are let be. */
static void
test_loop_devices_are_told_apart(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY), *other = lab_path(lab, "a/b/other");
    g_autofree char *renamed = lab_path(lab, "a/b/renamed");
    rl_autofd int device = -1, unrelated = -1;
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    make_file(other, "");
    set_size(other, MIB);
    rl_autofd int guest = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    rl_autofd int fd = open(other, O_RDWR | O_CLOEXEC);
    int number = attach(guest, &device), second = number < 0 ? -1 : attach(fd, &unrelated);
    if (second < 0)
        return;
    g_assert_cmpint(rename(dirty, renamed), ==, 0);
    set_size(renamed, 2 * MIB);
    set_size(other, 2 * MIB);
    g_assert_true(rl_loop_update_size(guest, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(device_size(number), ==, 2 * MIB);
    g_assert_cmpuint(device_size(second), ==, MIB);
    g_assert_cmpint(ioctl(device, LOOP_CLR_FD), ==, 0);
    g_assert_cmpint(ioctl(unrelated, LOOP_CLR_FD), ==, 0);
    g_assert_false(rl_loop_update_size(-1, &error));
    take_errno(error, EBADF, "");
}

ATTEMPT(grow, rl_volume_resize(lab->pool, V, 2 * MIB, false, error))

/* The image has its new size all the same. */
static void
test_loop_device_refuses(Lab *lab)
{
    Disturbance at = {.nr = SYS_ioctl, .first = 0, .count = 1, .code = EIO};
    g_autofree char *dir = lab_path(lab, "a/c"),
                    *same_name = lab_path(lab, "a/c/private-dirty.img");
    rl_autofd int device = -1, other = -1, unbound = -1;
    int refused = 0;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_autofd int guest = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    rl_autofd int another = open(same_name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (attach(another, &unbound) < 0 || attach(guest, &device) < 0 || attach(another, &other) < 0)
        return;
    g_assert_cmpint(ioctl(unbound, LOOP_CLR_FD), ==, 0);
    do {
        GError *error = NULL;
        at.first++;
        if (!disturb(lab, &at, grow, &error)) {
            take_errno(error, EIO, "size");
            refused++;
        }
    } while (at.made >= at.first);
    /* Its own device could not be asked what it is on, or refused. The other one's answer does not
     * matter: its file has another path. */
    g_assert_cmpint(refused, ==, 2);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 2 * MIB);
    g_assert_cmpint(ioctl(device, LOOP_CLR_FD), ==, 0);
    g_assert_cmpint(ioctl(other, LOOP_CLR_FD), ==, 0);
}

static int asked;

/* Of the calls that are made for each device the second one is that which sets the size. */
static int
refuse_the_size(Lab *lab)
{
    (void) lab;
    if (++asked % 2)
        return 0;
    return asked == 2 ? EIO : EPERM;
}

static int image;

ATTEMPT(update_size, rl_loop_update_size(image, error))

/* Whatever one device says, the others are told as well; what the first one said is told. */
static void
test_two_loop_devices_refuse(Lab *lab)
{
    Disturbance refused = {.nr = SYS_ioctl, .first = 1, .before = refuse_the_size};
    g_autofree char *name = g_strdup_printf("of-%d.img", (int) getpid());
    g_autofree char *path = lab_path(lab, name);
    rl_autofd int first = -1, second = -1;
    GError *error = NULL;

    make_file(path, "");
    set_size(path, MIB);
    rl_autofd int fd = open(path, O_RDWR | O_CLOEXEC);
    if (attach(fd, &first) < 0 || attach(fd, &second) < 0)
        return;
    image = fd;
    asked = 0;
    g_assert_false(disturb(lab, &refused, update_size, &error));
    take_errno(error, EIO, "size");
    g_assert_cmpint(asked, ==, 4);
    g_assert_cmpint(ioctl(first, LOOP_CLR_FD), ==, 0);
    g_assert_cmpint(ioctl(second, LOOP_CLR_FD), ==, 0);
}

/* How many of the calls @nr fail the whole when they fail with @code, each in turn. */
static int
count_failures(Lab *lab, long nr, int code)
{
    Disturbance at = {.nr = nr, .first = 0, .count = 1, .code = code};
    int failures = 0;

    do {
        GError *error = NULL;
        at.first++;
        if (!disturb(lab, &at, update_size, &error)) {
            take_errno(error, code, "");
            failures++;
        }
    } while (at.made >= at.first);
    return failures;
}

/* Devices that are bound to nothing, or are going, are no error; nor is a machine without any. That
 * its own device cannot be opened is one. */
static void
test_loop_devices_come_and_go(Lab *lab)
{
    g_autofree char *name = g_strdup_printf("of-%d.img", (int) getpid());
    g_autofree char *path = lab_path(lab, name);
    rl_autofd int device = -1;

    make_file(path, "");
    set_size(path, MIB);
    rl_autofd int fd = open(path, O_RDWR | O_CLOEXEC);
    if (attach(fd, &device) < 0)
        return;
    image = fd;
    g_assert_cmpint(count_failures(lab, SYS_ioctl, ENXIO), ==, 0);
    /* The directory is opened twice, to be there and to be read. */
    g_assert_cmpint(count_failures(lab, SYS_openat, ENOENT), ==, 2);
    g_assert_cmpint(count_failures(lab, SYS_openat, ENODEV), ==, 3);
    g_assert_cmpint(count_failures(lab, SYS_openat, ENAMETOOLONG), ==, 3);
    g_assert_cmpint(ioctl(device, LOOP_CLR_FD), ==, 0);
}

/* The first file of a new subvolume, which has the same number in each. */
static int
first_file(Lab *lab, const char *subvolume, const char *name)
{
    struct btrfs_ioctl_vol_args args = {0};
    g_autofree char *dir = lab_path(lab, subvolume), *path = g_build_filename(dir, name, NULL);

    g_strlcpy(args.name, subvolume, sizeof(args.name));
    g_assert_cmpint(ioctl(lab->pool->root, BTRFS_IOC_SUBVOL_CREATE, &args), ==, 0);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(ftruncate(fd, MIB), ==, 0);
    return fd;
}

/* Of the same name and inode, but on another file system. */
static void
test_loop_device_elsewhere(Lab *lab)
{
    g_autofree char *name = g_strdup_printf("of-%d.img", (int) getpid());
    rl_autofd int ours = first_file(lab, "one", name), other = first_file(lab, "two", name);
    rl_autofd int device = -1;
    struct stat a, b;
    GError *error = NULL;

    g_assert_cmpint(fstat(ours, &a) | fstat(other, &b), ==, 0);
    g_assert_cmpuint(a.st_ino, ==, b.st_ino);
    g_assert_cmpuint(a.st_dev, !=, b.st_dev);
    int number = attach(other, &device);
    if (number < 0)
        return;
    g_assert_cmpint(ftruncate(other, 2 * MIB), ==, 0);
    g_assert_true(rl_loop_update_size(ours, &error));
    g_assert_cmpuint(device_size(number), ==, MIB);
    g_assert_true(rl_loop_update_size(other, &error));
    g_assert_cmpuint(device_size(number), ==, 2 * MIB);
    g_assert_cmpint(ioctl(device, LOOP_CLR_FD), ==, 0);
}

/* --- a volume without an image of its own was told to have another size while it ran */

#define SNAPSHOT "a/b/snapshot"
#define VOLATILE "a/b/volatile"

static void
discard(Lab *lab, const char *name, RlStarted *started)
{
    g_autoptr(GError) error = NULL;

    lab_crash(lab, name);
    g_assert_true(rl_volume_discard(lab->pool, name, &error));
    g_assert_no_error(error);
    (void) started;
}

static void
undo(Lab *lab, const char *name, RlStarted *started)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(rl_volume_unstart(lab->pool, started, &alice, &error));
    g_assert_no_error(error);
    (void) name;
}

static void
crash(Lab *lab, const char *name, RlStarted *started)
{
    lab_crash(lab, name);
    (void) started;
}

static void
stop(Lab *lab, const char *name, RlStarted *started)
{
    lab_stop(lab, name, &alice, RL_STOP_DROPPED);
    (void) started;
}

/* However its run ends, the next one has that size. */
static void
test_recorded_at_once(Lab *lab)
{
    void (*const ends[])(Lab *, const char *, RlStarted *) = {discard, undo, crash, stop};
    const char *const names[] = {SNAPSHOT, VOLATILE};
    uint64_t size = 4 * MIB;

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, SNAPSHOT, RL_KIND_SNAPSHOT, V, NULL, MIB);
    lab_create_kind(lab, VOLATILE, RL_KIND_VOLATILE, NULL, NULL, MIB);
    for (size_t end = 0; end < G_N_ELEMENTS(ends); end++)
        for (int shrink = 0; shrink < 2; shrink++) {
            size = shrink ? 2 * MIB : size + 4 * MIB;
            for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autoptr(RlStarted) started = lab_start_with(lab, names[i], &alice, 0);
                resize(lab, names[i], size, false);
                image_write(lab, names[i], RL_FILE_DIRTY, "two");
                g_assert_cmpint(image_size(lab, names[i], RL_FILE_DIRTY), ==, size);
                ends[end](lab, names[i], started);
                lab_start(lab, names[i], &alice);
                g_assert_cmpint(image_size(lab, names[i], RL_FILE_DIRTY), ==, size);
                image_write(lab, names[i], RL_FILE_DIRTY, "two");
                lab_stop(lab, names[i], &alice, RL_STOP_DROPPED);
            }
        }
}

ATTEMPT(shrink_volatile, rl_volume_resize(lab->pool, VOLATILE, MIB, false, error))
ATTEMPT(grow_volatile, rl_volume_resize(lab->pool, VOLATILE, 8 * MIB, false, error))

/* What failed has changed nothing. */
static void
test_record_of_what_failed(Lab *lab)
{
    Disturbance truncate = {.nr = SYS_ftruncate, .first = 1, .code = EIO};
    Disturbance rename = {.nr = SYS_renameat, .first = 1, .code = EIO};
    GError *error = NULL;

    lab_create_kind(lab, VOLATILE, RL_KIND_VOLATILE, NULL, NULL, 4 * MIB);
    lab_start(lab, VOLATILE, &alice);
    g_assert_false(disturb(lab, &truncate, shrink_volatile, &error));
    take_errno(error, EIO, "size");
    error = NULL;
    g_assert_false(disturb(lab, &rename, grow_volatile, &error));
    take_errno(error, EIO, "");
    g_assert_cmpint(image_size(lab, VOLATILE, RL_FILE_DIRTY), ==, 4 * MIB);
    lab_crash(lab, VOLATILE);
    lab_start(lab, VOLATILE, &alice);
    g_assert_cmpint(image_size(lab, VOLATILE, RL_FILE_DIRTY), ==, 4 * MIB);
    lab_stop(lab, VOLATILE, &alice, RL_STOP_DROPPED);
}

/* The service may make no file as large (LimitFSIZE=): the error says so, and nothing changes. */
static void
test_limit_of_the_service(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    struct rlimit before, limit;
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/b/root", RL_KIND_SNAPSHOT, V, NULL, 8 * MIB);
    lab_start(lab, V, &alice);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    limit = before;
    limit.rlim_cur = 4 * MIB;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);

    g_assert_false(rl_volume_resize(lab->pool, V, 8 * MIB, false, &error));
    take_errno(error, EFBIG, "LimitFSIZE=");
    error = NULL;
    g_assert_false(try_start(lab, "a/b/root", &bob, &error));
    take_errno(error, EFBIG, "LimitFSIZE=");
    error = NULL;
    g_autoptr(RlStagedImage) staged = rl_staged_new(lab_pool(lab), "a/b/new", &access, &error);
    g_assert_no_error(error);
    g_assert_false(rl_staged_create(staged, NULL, 8 * MIB, &error));
    take_errno(error, EFBIG, "LimitFSIZE=");
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);

    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, MIB);
    g_assert_false(image_is_there(lab, "a/b/root", RL_FILE_DIRTY));
    g_assert_false(image_is_there(lab, "a/b/new", RL_FILE_CLEAN));
    resize(lab, V, 8 * MIB, false);
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 8 * MIB);
}

void
add_tests(void)
{
    lab_add("/resize/limit-of-the-service", test_limit_of_the_service);
    lab_add("/resize/stopped", test_stopped);
    lab_add("/resize/below-an-overlay", test_below_an_overlay);
    lab_add("/resize/running", test_running);
    lab_add("/resize/to-the-same-size", test_to_the_same_size);
    lab_add("/resize/allocate", test_allocate);
    lab_add("/resize/what-the-disk-cannot-hold", test_what_the_disk_cannot_hold);
    lab_add("/resize/sectors", test_sectors);
    lab_add("/resize/snapshots", test_snapshots);
    lab_add("/resize/snapshot-cannot-be-noted", test_snapshot_cannot_be_noted);
    lab_add("/resize/volatile", test_volatile);
    lab_add("/resize/direct", test_direct);
    lab_add("/resize/held", test_held);
    lab_add("/loop/device-follows", test_loop_device_follows);
    lab_add("/loop/devices-are-told-apart", test_loop_devices_are_told_apart);
    lab_add("/loop/device-refuses", test_loop_device_refuses);
    lab_add_on("/loop/two-devices-refuse", "xfs", test_two_loop_devices_refuse);
    lab_add_on("/loop/devices-come-and-go", "xfs", test_loop_devices_come_and_go);
    lab_add_on("/loop/device-elsewhere", "btrfs", test_loop_device_elsewhere);
    lab_add("/resize/recorded-at-once", test_recorded_at_once);
    lab_add("/resize/record-of-what-failed", test_record_of_what_failed);
}
