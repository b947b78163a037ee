/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/fs/reflink.h"

#include "common/base/autofd.h"
#include "common/fs/file-size-limit.h"
#include "common/operation/resize.h"
#include "common/operation/staged-image.h"
#include "harness/disturb.h"
#include "harness/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* A file of 256 KiB and three bytes. */
static int
make_source(Lab *lab, bool nocow)
{
    g_autofree char *path = lab_path(lab, "from"), *data = g_strnfill(256 * KIB + 3, 'd');
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int flags = 0;

    g_assert_cmpint(fd, >=, 0);
    if (nocow) {
        g_assert_cmpint(ioctl(fd, FS_IOC_GETFLAGS, &flags), ==, 0);
        flags |= FS_NOCOW_FL;
        g_assert_cmpint(ioctl(fd, FS_IOC_SETFLAGS, &flags), ==, 0);
    }
    g_assert_cmpint(write(fd, data, strlen(data)), ==, (gssize) strlen(data));
    return fd;
}

static int
make_target(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "to");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void
check_content(Lab *lab)
{
    g_autofree char *from = lab_path(lab, "from"), *to = lab_path(lab, "to");
    g_autofree char *wanted = read_at(from, 0, 257 * KIB), *there = read_at(to, 0, 257 * KIB);

    g_assert_cmpint(look(to).st_size, ==, 256 * KIB + 3);
    g_assert_cmpint(memcmp(wanted, there, 257 * KIB), ==, 0);
}

static bool
is_nocow(int fd)
{
    int flags = 0;

    g_assert_cmpint(ioctl(fd, FS_IOC_GETFLAGS, &flags), ==, 0);
    return flags & FS_NOCOW_FL;
}

static void
test_shares_until_written(Lab *lab)
{
    g_autofree char *from_path = lab_path(lab, "from"), *to_path = lab_path(lab, "to");
    rl_autofd int from = make_source(lab, false), to = make_target(lab);
    GError *error = NULL;

    g_assert_true(rl_reflink_or_copy(from, to, false, NULL, &error));
    g_assert_no_error(error);
    check_content(lab);
    g_assert_true(shares_data(from_path, to_path));
    write_at(to_path, 0, "written");
    g_autofree char *source = read_at(from_path, 0, 7);
    g_assert_cmpstr(source, ==, "ddddddd");
    g_assert_false(shares_data(from_path, to_path));
}

static void
test_without_reflinks(Lab *lab)
{
    rl_autofd int from = make_source(lab, false), to = make_target(lab);
    GError *error = NULL;

    g_assert_false(rl_reflink(from, to, &error));
    take_error(error, RL_ERROR_UNSUPPORTED, "reflink");
    error = NULL;
    g_assert_false(rl_reflink_or_copy(from, to, false, NULL, &error));
    take_error(error, RL_ERROR_UNSUPPORTED, "reflink");
    error = NULL;
    g_assert_true(rl_reflink_or_copy(from, to, true, NULL, &error));
    g_assert_no_error(error);
    check_content(lab);
    rl_autofd int again = make_target(lab);
    g_assert_true(rl_reflink_or_copy(from, again, true, NULL, &error));
}

static void
test_across_file_systems(Lab *lab)
{
    g_autofree char *other = test_dir("ext4");
    g_autofree char *path = g_build_filename(other, "to", NULL);
    rl_autofd int from = make_source(lab, false);
    rl_autofd int to = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    GError *error = NULL;

    g_assert_false(rl_reflink_or_copy(from, to, false, NULL, &error));
    take_error(error, RL_ERROR_UNSUPPORTED, "reflink");
    error = NULL;
    g_assert_true(rl_reflink_or_copy(from, to, true, NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpint(look(path).st_size, ==, 256 * KIB + 3);
}

/* EINVAL may be a mistake of ours: never a reason to copy. */
static void
test_a_mistake_is_no_reason_to_copy(Lab *lab)
{
    rl_autofd int from = make_source(lab, false), to = make_target(lab);
    g_autofree char *path = lab_path(lab, "from");
    rl_autofd int reader = open(path, O_RDONLY | O_CLOEXEC);
    GError *error = NULL;

    g_assert_false(rl_reflink_or_copy(lab->pool->root, to, true, NULL, &error));
    g_assert_nonnull(error);
    g_assert_cmpuint(error->domain, ==, RL_ERRNO);
    g_clear_error(&error);
    g_assert_false(rl_reflink_or_copy(from, reader, true, NULL, &error));
    take_errno(error, EBADF, "reflink");
}

static void
test_nocow_is_carried_over(Lab *lab)
{
    rl_autofd int from = make_source(lab, true), to = make_target(lab);
    GError *error = NULL;

    g_assert_true(rl_reflink(from, to, &error));
    g_assert_no_error(error);
    g_assert_true(is_nocow(to));
    check_content(lab);
}

/* A directory with NOCOW gives it to every new file. */
static void
test_nocow_is_taken_away(Lab *lab)
{
    rl_autofd int from = make_source(lab, false);
    int flags = 0;
    GError *error = NULL;

    g_assert_cmpint(ioctl(lab->pool->root, FS_IOC_GETFLAGS, &flags), ==, 0);
    flags |= FS_NOCOW_FL;
    g_assert_cmpint(ioctl(lab->pool->root, FS_IOC_SETFLAGS, &flags), ==, 0);
    rl_autofd int to = make_target(lab);
    g_assert_true(is_nocow(to));
    g_assert_true(rl_reflink(from, to, &error));
    g_assert_no_error(error);
    g_assert_false(is_nocow(to));
    check_content(lab);
}

/* What a service's file size limit forbids is refused with its name, is no reason to copy, and does
 * not end the process with SIGXFSZ; what is large already can be read, cloned from and made
 * smaller. */
static void
test_file_size_limit(Lab *lab)
{
    rl_autofd int from = make_source(lab, false), to = make_target(lab);
    g_autofree char *to_path = lab_path(lab, "to");
    RlAccess access = RL_ACCESS_DEFAULT;
    struct rlimit before, limit;
    GError *error = NULL;

    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    limit = (struct rlimit){.rlim_cur = 128 * KIB, .rlim_max = before.rlim_max};
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    bool cloned = rl_reflink_or_copy(from, to, true, NULL, &error);
    g_assert_cmpint(look(to_path).st_size, ==, 0);
    g_assert_false(cloned);
    take_errno(error, EFBIG, "LimitFSIZE= of the service, ulimit -f: 131072 bytes");

    error = NULL;
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), "large", &access, &error);
    g_assert_no_error(error);
    g_assert_false(rl_staged_create(draft, NULL, MIB, &error));
    take_errno(error, EFBIG, "1048576 bytes exceed the file size limit of this process");
    error = NULL;
    g_assert_false(rl_staged_fill(draft, from, MIB, true, &error));
    take_errno(error, EFBIG, "cannot make 'large'");
    error = NULL;
    g_assert_true(rl_limit_allows_size(from, 256 * KIB, &error));
    g_assert_true(rl_limit_allows_size(to, 128 * KIB, &error));
    g_assert_no_error(error);

    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
    g_assert_true(rl_reflink_or_copy(from, to, true, NULL, &error));
    check_content(lab);
}

static bool
clone_here(Lab *lab, GError **error)
{
    rl_autofd int from = make_source(lab, false), to = make_target(lab);

    return rl_reflink_or_copy(from, to, true, NULL, error);
}

/* As the kernel does where the space for the extents' records ends in the middle. */
static int
share_half(Lab *lab)
{
    g_autofree char *to = lab_path(lab, "to");

    write_at(to, 0, "half");
    set_size(to, 128 * KIB);
    return 0;
}

static void
leaves_half(Lab *lab, int code, const char *words)
{
    g_autofree char *from = lab_path(lab, "from"), *to = lab_path(lab, "to");
    Disturbance full = {.nr = SYS_ioctl,
                        .first = 3,
                        .count = code == EINVAL ? 0 : 1, /* it is tried with other flags */
                        .code = code,
                        .before = share_half};
    GError *error = NULL;

    g_assert_false(disturb(lab, &full, clone_here, &error));
    take_errno(error, code, words);
    g_assert_cmpint(look(to).st_size, ==, 0);
    g_assert_cmpint(look(to).st_blocks, ==, 0);
    g_assert_cmpint(unlink(from), ==, 0);
}

static void
test_no_half_is_left(Lab *lab)
{
    leaves_half(lab, ENOSPC, "the file system or the quota of its project is full");
    leaves_half(lab, EDQUOT, "a quota is exceeded");
    leaves_half(lab, EINVAL, "cannot reflink & Invalid argument");
}

static void
remount(Lab *lab, const char *option)
{
    g_autofree char *dir = g_path_get_dirname(lab->path), *base = g_path_get_dirname(dir);

    g_assert_cmpint(mount(NULL, base, NULL, MS_REMOUNT, option), ==, 0);
}

static void
clones(Lab *lab, const char *from_path)
{
    g_autoptr(GError) error = NULL;
    rl_autofd int from = open(from_path, O_RDONLY | O_CLOEXEC), to = make_target(lab);
    g_autofree char *to_path = lab_path(lab, "to");

    rl_reflink(from, to, &error);
    g_assert_no_error(error);
    g_assert_true(shares_data(from_path, to_path));
    g_assert_cmpint(unlink(to_path), ==, 0);
}

/* Files keep what the mount option of their time was, and it tells which of them can be cloned. */
static void
test_checksums_or_none(Lab *lab)
{
    static const char *const options[] = {"datasum", "nodatasum", "datacow", "nodatacow"};
    g_autofree char *from = lab_path(lab, "from");
    g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        remount(lab, options[i]);
        rl_fd_close(&(int){make_source(lab, false)});
        char *source = lab_path(lab, options[i]);
        g_assert_cmpint(rename(from, source), ==, 0);
        g_ptr_array_add(sources, source);
    }
    sync();
    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        remount(lab, options[i]);
        for (guint j = 0; j < sources->len; j++)
            clones(lab, g_ptr_array_index(sources, j));
    }
    remount(lab, "datacow,datasum");
}

/* A whole life across a change of the option, both ways. */
static void
test_life_with_other_checksums(Lab *lab)
{
    static const char *const options[] = {"nodatasum", "datasum", "nodatacow", "datacow,datasum"};

    lab_create(lab, "web", "one", MIB);
    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autoptr(GError) error = NULL;
        remount(lab, options[i]);
        lab_run(lab, "web", options[i]);
        g_assert_true(rl_volume_resize(lab->pool, "web", (i + 2) * MIB, false, &error));
        g_assert_no_error(error);
        lab_run(lab, "web", "again");
    }
}

void
add_tests(void)
{
    lab_add_on("/clone/shares-until-written", "xfs btrfs", test_shares_until_written);
    lab_add_on("/clone/without-reflinks", "ext4", test_without_reflinks);
    lab_add_on("/clone/across-file-systems", "xfs btrfs", test_across_file_systems);
    lab_add_on("/clone/a-mistake-is-no-reason-to-copy", "xfs btrfs",
               test_a_mistake_is_no_reason_to_copy);
    lab_add_on("/clone/nocow-is-carried-over", "btrfs", test_nocow_is_carried_over);
    lab_add("/clone/file-size-limit", test_file_size_limit);
    lab_add_on("/clone/no-half-is-left", "xfs btrfs", test_no_half_is_left);
    lab_add_on("/clone/nocow-is-taken-away", "btrfs", test_nocow_is_taken_away);
    lab_add_on("/clone/checksums-or-none", "btrfs", test_checksums_or_none);
    lab_add_on("/clone/life-with-other-checksums", "btrfs", test_life_with_other_checksums);
}
