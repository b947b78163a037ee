/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What a device model that its guest has taken over can do to its image, whose owner it is while
 * its domain runs: as another user, without rights. A process that it has begun may outlive it. */
#include "harness/lab.h"

#include "common/base/autofd.h"
#include "common/fs/openers.h"
#include "common/fs/xattr.h"
#include "common/operation/save.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define V "a/b/private"
#define DIRECT "db/main"
#define DEVICE_MODEL 64055

/* The dirty image of @name, which the device model owns from now on; open for writing. */
static int
hand_over(Lab *lab, const char *name)
{
    int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDWR);

    g_assert_cmpint(fchown(fd, DEVICE_MODEL, DEVICE_MODEL), ==, 0);
    return fd;
}

static void
become_device_model(void)
{
    g_assert_cmpint(setgid(DEVICE_MODEL), ==, 0);
    g_assert_cmpint(setuid(DEVICE_MODEL), ==, 0);
}

/* Has the device model do @attack to its image, and ends it. */
static void
attack(Lab *lab, const char *name, void (*function)(int fd))
{
    rl_autofd int fd = hand_over(lab, name);
    pid_t pid = fork();
    int status;

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        become_device_model();
        function(fd);
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
}

static void
write_two(int fd)
{
    g_assert_cmpint(pwrite(fd, "two", 4, 0), ==, 4);
}

/* --- attributes: on ext4 all of a file's share one block, on btrfs those of one checksum an item
 */

static uint32_t
checksum(const char *text)
{
    uint32_t crc = 0xfffffffe;

    for (; *text; text++) {
        crc ^= (uint8_t) *text;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
    }
    return crc;
}

/* A name of the owner's that has the checksum of @wanted. */
static char *
name_like(const char *wanted)
{
    uint32_t before = checksum(wanted);

    for (int bit = 0; bit < 32; bit++)
        before = before & 0x80000000 ? ((before ^ 0x82f63b78) << 1) | 1 : before << 1;
    for (int i = 0;; i++) {
        g_autofree char *begin = g_strdup_printf("user.%d", i);
        uint32_t rest = before ^ checksum(begin);
        char end[5] = {(char) rest, (char) (rest >> 8), (char) (rest >> 16), (char) (rest >> 24)};
        g_autofree char *name = g_strconcat(begin, end, NULL);
        if (checksum(name) == checksum(wanted))
            return g_steal_pointer(&name);
    }
}

/* As much as there is room for. */
static void
fill_item(int fd, const char *key)
{
    g_autofree char *wanted = g_strconcat(RL_ATTR_PREFIX, key, NULL);
    g_autofree char *name = name_like(wanted), *value = g_malloc0(64 * 1024);
    size_t size = 16 * 1024;

    while (size > 1000 && fsetxattr(fd, name, value, size, 0) < 0)
        size--;
}

static void
fill_items(int fd)
{
    write_two(fd);
    fill_item(fd, RL_ATTR_ID);
    fill_item(fd, RL_ATTR_HOLD);
}

static void
test_attributes_of_one_checksum(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    attack(lab, V, fill_items);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    lab_run(lab, V, "three");
}

static void
test_attributes_of_one_checksum_saved(Lab *lab)
{
    GError *error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    attack(lab, V, fill_items);
    g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, &error));
    g_assert_no_error(error);
    g_assert_true(done);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "saved");
}

static void
fill_attributes(int fd)
{
    char value[1000], name[32];

    write_two(fd);
    memset(value, 'x', sizeof(value));
    for (size_t size = sizeof(value), i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "user.%zu", i);
        if (fsetxattr(fd, name, value, size, 0) < 0)
            size /= 2;
    }
}

static void
test_attributes(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    attack(lab, V, fill_attributes);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
    lab_run(lab, V, "three");
}

static void
test_attributes_of_saved(Lab *lab)
{
    GError *error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    attack(lab, V, fill_attributes);
    g_assert_true(rl_volume_save(lab->pool, V, &alice, &done, &error));
    g_assert_no_error(error);
    g_assert_true(done);
    lab_start_fails(lab, V, &bob, RL_ERROR_STATE, "saved");
}

/* --- flags: what stays on what becomes the clean image must not keep anybody from it */

static void
set_flag(int fd, int flag, bool *ret_done)
{
    int flags = 0;

    *ret_done = ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
    flags |= flag;
    *ret_done = *ret_done && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

static void
set_flags(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    struct fsxattr attributes;
    bool done;

    /* These two need CAP_LINUX_IMMUTABLE. */
    set_flag(fd, FS_IMMUTABLE_FL, &done);
    g_assert_false(done);
    set_flag(fd, FS_APPEND_FL, &done);
    g_assert_false(done);
    set_flag(fd, FS_NODUMP_FL, &done);
    set_flag(fd, FS_SYNC_FL, &done);
    set_flag(fd, FS_COMPR_FL, &done);
    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
    set_flag(fd, FS_NOCOW_FL, &done);
    if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0) {
        attributes.fsx_projid = 4711;
        ioctl(fd, FS_IOC_FSSETXATTR, &attributes);
    }
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    write_two(fd);
}

static void
test_flags(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    attack(lab, V, set_flags);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    lab_run(lab, V, "three");
    image_is(lab, V, RL_FILE_CLEAN, "three");
}

/* --- size: the largest that a file can have ends within a sector */

static void
grow(int fd)
{
    write_two(fd);
    if (ftruncate(fd, G_MAXINT64) < 0)
        g_assert_cmpint(errno, ==, EFBIG); /* ext4 */
}

static void
test_size_of_direct(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, DIRECT, &alice);
    attack(lab, DIRECT, grow);
    lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
    lab_start(lab, DIRECT, &alice);
    image_is(lab, DIRECT, RL_FILE_DIRTY, "two");
    lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
}

/* --- what outlives the device model */

/* A lease that keeps everybody else from opening the file. */
static void
hold_lease(void *data)
{
    int reader = open(data, O_RDONLY);

    become_device_model();
    g_assert_cmpint(fcntl(reader, F_SETSIG, SIGURG), ==, 0);
    g_assert_cmpint(fcntl(reader, F_SETLEASE, F_WRLCK), ==, 0);
}

static void
test_lease(Lab *lab)
{
    GError *error = NULL;
    RlRunImage image;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    int fd = hand_over(lab, V);
    rl_fd_close(&fd);
    g_autofree char *path = lab_file(lab, V, RL_FILE_DIRTY);
    pid_t survivor = child_that_holds(hold_lease, path);
    /* Busy: what is to end the run comes again, and does not keep an image that it is to drop. */
    g_assert_false(rl_volume_look_at_run(lab->pool, V, &alice, &image, &error));
    take_error(error, RL_ERROR_BUSY, "lease");
    lab_stop_fails(lab, V, &alice, RL_ERROR_BUSY, "lease");
    kill_child(survivor);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "two");
}

/* Nobody wrote to the image of the first domain, so it waits for the next one. */
static void
test_reader(Lab *lab)
{
    char bytes[8] = "";

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    rl_autofd int survivor = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    lab_start(lab, V, &bob);
    image_write(lab, V, RL_FILE_DIRTY, "secret");
    g_assert_cmpint(pread(survivor, bytes, sizeof(bytes), 0), ==, sizeof(bytes));
    g_assert_cmpstr(bytes, ==, "one");
    lab_stop(lab, V, &bob, RL_STOP_COMMITTED);
    image_is(lab, V, RL_FILE_CLEAN, "secret");
}

/* A kept image goes on, under another inode where a process has it open: that may have begun in the
 * domain that had it before, and reads no more than it could by then. */
static void
test_reader_of_kept(Lab *lab)
{
    static const struct {
        const char *name;
        RlKind kind;
        RlStop stop;
    } kinds[] = {{V, RL_KIND_PERSISTENT, RL_STOP_COMMITTED},
                 {DIRECT, RL_KIND_DIRECT, RL_STOP_RETURNED},
                 {"a/b/volatile", RL_KIND_VOLATILE, RL_STOP_DROPPED}};
    GError *error = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        for (int has_reader = 0; has_reader < 2; has_reader++) {
            const char *name = kinds[i].name;
            char bytes[8] = "";
            bool done;
            if (!has_reader && i == 0)
                lab_create(lab, name, "one", MIB);
            else if (!has_reader)
                lab_create_kind(lab, name, kinds[i].kind, NULL, i == 1 ? "one" : NULL, MIB);
            lab_start(lab, name, &alice);
            image_write(lab, name, RL_FILE_DIRTY, "mine");
            g_assert_true(rl_volume_keep(lab->pool, name, &alice, &done, &error));
            g_assert_no_error(error);
            ino_t before = image_inode(lab, name, RL_FILE_DIRTY);
            g_autofree char *path = lab_file(lab, name, RL_FILE_DIRTY);
            struct stat kept = look(path);
            rl_autofd int survivor =
                has_reader ? image_open(lab, name, RL_FILE_DIRTY, O_RDONLY) : -1;

            if (kinds[i].kind == RL_KIND_VOLATILE) {
                lab_start_fails(lab, name, &bob, RL_ERROR_STATE, "'alice'");
                g_assert_true(rl_volume_continue(lab->pool, name, NULL));
                kept = look(path);
            }
            lab_start(lab, name, &bob);
            /* Another domain's is not handed on anyway, unless that would take a copy. */
            g_assert_cmpint(image_inode(lab, name, RL_FILE_DIRTY) == before, ==,
                            !has_reader && !lab->reflinks);
            image_is(lab, name, RL_FILE_DIRTY, "mine");
            struct stat now = look(path);
            g_assert_cmpint(now.st_mtim.tv_sec, ==, kept.st_mtim.tv_sec);
            g_assert_cmpint(now.st_mtim.tv_nsec, ==, kept.st_mtim.tv_nsec);
            g_assert_cmpint(now.st_size, ==, kept.st_size);
            image_write(lab, name, RL_FILE_DIRTY, "secret");
            if (has_reader)
                g_assert_cmpint(pread(survivor, bytes, sizeof(bytes), 0), ==, sizeof(bytes));
            g_assert_cmpstr(bytes, ==, has_reader ? "mine" : "");
            rl_fd_close(&survivor);
            lab_stop(lab, name, &bob, kinds[i].stop);
            if (kinds[i].kind != RL_KIND_VOLATILE)
                image_is(lab, name, RL_FILE_CLEAN, "secret");
        }
}

/* What was noted on it is noted on the new one, and a start that is put back leaves it kept. */
static void
test_reader_of_kept_and_undo(Lab *lab)
{
    GError *error = NULL;
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "mine");
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, &error));
    rl_autofd int survivor = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    {
        g_autoptr(RlStarted) started = lab_start_with(lab, V, &bob, 0);
        g_assert_true(started->continued);
        g_assert_cmpint(started->hold, ==, RL_MARK_KEPT);
        g_assert_true(rl_volume_unstart(lab->pool, started, &bob, &error));
    }
    static const char *const keys[] = {RL_ATTR_BASE, RL_ATTR_HOLD, RL_ATTR_SAVE};
    rl_autofd int now = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *old = NULL, *new = NULL;
        g_assert_true(rl_xattr_get(survivor, keys[i], &old, NULL));
        g_assert_true(rl_xattr_get(now, keys[i], &new, NULL));
        g_assert_nonnull(old);
        g_assert_cmpstr(new, ==, old);
    }
    g_assert_cmpint(lab_state(lab, V), ==, RL_STATE_LEFT);
}

/* A domain that goes on with its own has no other's process in it. */
static void
test_reader_of_own(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "mine");
    lab_crash(lab, V);
    ino_t before = image_inode(lab, V, RL_FILE_DIRTY);
    rl_autofd int survivor = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    lab_start_fails(lab, V, &bob, RL_ERROR_BUSY, "'alice'");
    lab_start(lab, V, &alice);
    g_assert_cmpint(image_inode(lab, V, RL_FILE_DIRTY), ==, before);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

/* Many locks make long what the kernel says of the descriptor. */
static void
hold_locks(void *data)
{
    int *fd = data;

    for (off_t i = 0; i < 4000; i++) {
        struct flock lock = {.l_type = F_WRLCK, .l_start = i * 2, .l_len = 1};
        g_assert_cmpint(fcntl(*fd, F_SETLK, &lock), ==, 0);
    }
}

static void
test_locks(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    int fd = hand_over(lab, V);
    pid_t survivor = child_that_holds(hold_locks, &fd);
    rl_fd_close(&fd);
    rl_autofd int image = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_autofree char *opener = rl_opener_describe(image, RL_OPENERS_WRITING);
    g_assert_nonnull(opener);
    kill_child(survivor);
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
}

void
add_tests(void)
{
    lab_add("/device-model/attributes", test_attributes);
    lab_add("/device-model/attributes-of-saved", test_attributes_of_saved);
    lab_add("/device-model/attributes-of-one-checksum", test_attributes_of_one_checksum);
    lab_add("/device-model/attributes-of-one-checksum-saved",
            test_attributes_of_one_checksum_saved);
    lab_add("/device-model/flags", test_flags);
    lab_add("/device-model/size-of-direct", test_size_of_direct);
    lab_add("/device-model/lease", test_lease);
    lab_add("/device-model/reader", test_reader);
    lab_add("/device-model/reader-of-kept", test_reader_of_kept);
    lab_add("/device-model/reader-of-kept-and-undo", test_reader_of_kept_and_undo);
    lab_add("/device-model/reader-of-own", test_reader_of_own);
    lab_add("/device-model/locks", test_locks);
}
