/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A part of a pool that is mounted elsewhere is a part of the pool. */
#include "common/pool/pool.h"

#include "common/base/autofd.h"
#include "common/fs/above-mount.h"
#include "common/operation/pool-build.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the test's own file system is mounted, in memory; only the test's process sees that. */
static char *apart;

/* A new directory there, to mount something on. A blank is written as \040 by the kernel. */
static char *
new_mount_point(void)
{
    char *point = g_build_filename(apart, "a b XXXXXX", NULL);

    g_assert_nonnull(g_mkdtemp(point));
    return point;
}

static char *
bind(const char *what)
{
    char *point = new_mount_point();

    g_assert_cmpint(mount(what, point, NULL, MS_BIND, NULL), ==, 0);
    return point;
}

static void
make_directories(const char *path)
{
    g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
}

/* @rest below @point lies in the pool at @root, at @inside of it. */
static void
found(const char *point, const char *rest, const char *root, const char *inside)
{
    g_autofree char *path = g_strconcat(point, rest, NULL);
    g_autofree char *found_root = NULL, *found_inside = NULL;
    GError *error = NULL;

    g_assert_true(rl_pool_find(path, &found_root, &found_inside, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(found_root, ==, root);
    g_assert_cmpstr(found_inside, ==, inside);
}

static void
refused(const char *point, const char *words)
{
    g_autofree char *path = g_build_filename(point, "x", NULL), *root = NULL, *inside = NULL;
    GError *error = NULL;

    g_assert_false(rl_pool_find(path, &root, &inside, &error));
    take_error(error, RL_ERROR_STATE, words);
}

static void
unknown(const char *point, const char *rest)
{
    g_autofree char *path = g_strconcat(point, rest, NULL), *root = NULL, *inside = NULL;
    GError *error = NULL;

    g_assert_false(rl_pool_find(path, &root, &inside, &error));
    take_error(error, RL_ERROR_INVALID, "/proc");
}

static void
test_bind_mount(Lab *lab)
{
    g_autofree char *deep = lab_path(lab, "a/b c");
    GError *error = NULL;

    make_directories(deep);
    g_autofree char *point = bind(deep);
    found(point, "/x", lab->path, "a/b c/x");
    found(point, "/not/there/x", lab->path, "a/b c/not/there/x");
    found(point, "/.", lab->path, "a/b c");
    found(point, "", lab->path, "a/b c");
    g_assert_false(rl_pool_require_outside(point, &error));
    take_error(error, RL_ERROR_INVALID, "inside");
}

/* One of one, and one of a part that is mounted already. */
static void
test_bind_mount_of_a_bind_mount(Lab *lab)
{
    g_autofree char *outer = lab_path(lab, "a"), *inner = lab_path(lab, "a/b");

    make_directories(inner);
    g_autofree char *first = bind(outer), *part = g_build_filename(first, "b", NULL);
    g_autofree char *second = bind(part), *third = bind(second);
    found(third, "/x", lab->path, "a/b/x");
}

static void
test_whole_pool(Lab *lab)
{
    g_autofree char *point = bind(lab->path);
    GError *error = NULL;

    found(point, "/a/x", point, "a/x");
    found(point, "/.", NULL, NULL);
    g_assert_true(rl_pool_require_outside(point, &error));
}

static void
test_single_file(Lab *lab)
{
    g_autofree char *image = lab_path(lab, "a/x.img"), *dir = lab_path(lab, "a");
    g_autofree char *base = new_mount_point(), *file = g_build_filename(base, "disk", NULL);

    make_directories(dir);
    make_file(image, "x");
    make_file(file, "");
    g_assert_cmpint(mount(image, file, NULL, MS_BIND, NULL), ==, 0);
    found(file, "", lab->path, "a/x.img");
    found(base, "/other", NULL, NULL);
}

static void
test_plain_directory(Lab *lab)
{
    g_autofree char *base = g_path_get_dirname(lab->path);
    g_autofree char *plain = g_build_filename(base, "plain", NULL);
    GError *error = NULL;

    make_directories(plain);
    g_autofree char *point = bind(plain);
    found(point, "/x", NULL, NULL);
    g_assert_true(rl_pool_require_outside(point, &error));
    g_assert_no_error(error);
}

/* In another pool it still is what it was. */
static void
test_mounted_into_a_pool(Lab *lab)
{
    g_autofree char *part = lab_path(lab, "a"), *base = g_path_get_dirname(lab->path);
    g_autofree char *outer = g_build_filename(base, "outer", NULL);
    g_autofree char *marker = g_build_filename(outer, RL_POOL_MARKER, NULL);
    g_autofree char *point = g_build_filename(outer, "b", NULL);

    make_directories(part);
    make_directories(point);
    make_file(marker, "");
    g_assert_cmpint(mount(part, point, NULL, MS_BIND, NULL), ==, 0);
    found(point, "/x", lab->path, "a/x");
}

/* Another file system in a pool is a part of that, as ever. */
static void
test_mount_in_a_pool(Lab *lab)
{
    g_autofree char *point = lab_path(lab, "a");

    make_directories(point);
    g_assert_cmpint(mount("none", point, "tmpfs", 0, NULL), ==, 0);
    found(point, "/x", lab->path, "a/x");
}

static void
test_removed(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a");

    make_directories(dir);
    g_autofree char *point = bind(dir);
    g_assert_cmpint(rmdir(dir), ==, 0);
    found(point, "/x", NULL, NULL);
}

/* Something else is mounted over what lies above. */
static void
test_hidden_by_a_mount(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a");

    make_directories(dir);
    g_autofree char *point = bind(dir);
    g_assert_cmpint(mount("none", lab->path, "tmpfs", 0, NULL), ==, 0);
    refused(point, "mount");
}

/* Takes away all mounts of the file system of @lab but those that the test has made. */
static void
hide_file_system(Lab *lab)
{
    g_autofree char *pool = g_path_get_dirname(lab->path), *base = g_path_get_dirname(pool);

    g_assert_cmpint(umount2(base, MNT_DETACH), ==, 0);
}

static void
test_nothing_above_is_mounted(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a");

    make_directories(dir);
    g_autofree char *point = bind(dir);
    hide_file_system(lab);
    refused(point, "mount");
}

/* What lies above is looked at all the same: a container's directory is no pool for that. */
static void
test_nothing_above_a_plain_one(Lab *lab)
{
    g_autofree char *base = g_path_get_dirname(lab->path);
    g_autofree char *plain = g_build_filename(base, "plain", "deep", NULL);

    make_directories(plain);
    g_autofree char *point = bind(plain);
    hide_file_system(lab);
    found(point, "/x", NULL, NULL);
}

static void
test_subvolume(Lab *lab)
{
    g_autofree char *pool = g_path_get_dirname(lab->path), *base = g_path_get_dirname(pool);
    rl_autofd int root = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct btrfs_ioctl_vol_args arguments = {.name = "sub"};

    g_assert_cmpint(ioctl(root, BTRFS_IOC_SUBVOL_CREATE, &arguments), ==, 0);
    g_autoptr(GPtrArray) mounts = rl_mounts_read(NULL);
    const char *source = NULL;
    for (guint i = 0; i < mounts->len; i++) {
        const RlMount *mount = g_ptr_array_index(mounts, i);
        if (strcmp(mount->point, base) == 0)
            source = mount->source;
    }
    g_assert_nonnull(source);
    g_autofree char *point = new_mount_point();
    g_autofree char *options = g_strdup_printf("subvol=%s/sub", lab->path + strlen(base));
    g_assert_cmpint(mount(source, point, "btrfs", 0, options), ==, 0);
    found(point, "/x", lab->path, "sub/x");
    hide_file_system(lab);
    refused(point, "mount");
}

/* What another process has is reached through links of /proc, by a path that leads elsewhere here:
 * it must not count as no pool's. */
static void
test_magic_links(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a"), *image = lab_path(lab, "a/x.img");
    g_autofree char *loop = g_build_filename(apart, "loop", NULL);

    make_directories(dir);
    make_file(image, "x");
    rl_autofd int fd = open(image, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(chdir(dir), ==, 0);
    g_autofree char *file = g_strdup_printf("/proc/self/fd/%d", fd);
    unknown("/proc/self/root", "/x");
    unknown("/proc/self/cwd", "/x.img");
    unknown(file, "");
    unknown("/proc/self/root", image);
    found("/proc/self", "/status", NULL, NULL);
    /* Where a circle of links leads no file is. */
    g_assert_cmpint(symlink(loop, loop), ==, 0);
    found(loop, "/x", NULL, NULL);
}

/* In a process and a mount namespace of its own: what it mounts goes with it. */
static void
run_apart(Lab *lab, LabTest test)
{
    int status;

    apart = g_dir_make_tmp("find-XXXXXX", NULL);
    g_assert_nonnull(apart);
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        g_assert_cmpint(unshare(CLONE_NEWNS), ==, 0);
        g_assert_cmpint(mount("none", apart, "tmpfs", 0, NULL), ==, 0);
        test(lab);
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(rmdir(apart), ==, 0);
    g_clear_pointer(&apart, g_free);
    g_assert_cmpint(status, ==, 0);
}

#define APART(name)                    \
    static void apart_##name(Lab *lab) \
    {                                  \
        run_apart(lab, test_##name);   \
    }
APART(bind_mount)
APART(bind_mount_of_a_bind_mount)
APART(whole_pool)
APART(single_file)
APART(plain_directory)
APART(mounted_into_a_pool)
APART(mount_in_a_pool)
APART(removed)
APART(hidden_by_a_mount)
APART(nothing_above_is_mounted)
APART(nothing_above_a_plain_one)
APART(subvolume)
APART(magic_links)

void
add_tests(void)
{
    lab_add("/pool-find/bind-mount", apart_bind_mount);
    lab_add("/pool-find/bind-mount-of-a-bind-mount", apart_bind_mount_of_a_bind_mount);
    lab_add("/pool-find/whole-pool", apart_whole_pool);
    lab_add("/pool-find/single-file", apart_single_file);
    lab_add("/pool-find/plain-directory", apart_plain_directory);
    lab_add("/pool-find/mounted-into-a-pool", apart_mounted_into_a_pool);
    lab_add("/pool-find/mount-in-a-pool", apart_mount_in_a_pool);
    lab_add("/pool-find/removed", apart_removed);
    lab_add("/pool-find/hidden-by-a-mount", apart_hidden_by_a_mount);
    lab_add("/pool-find/nothing-above-is-mounted", apart_nothing_above_is_mounted);
    lab_add("/pool-find/nothing-above-a-plain-one", apart_nothing_above_a_plain_one);
    lab_add("/pool-find/magic-links", apart_magic_links);
    lab_add_on("/pool-find/subvolume", "btrfs", apart_subvolume);
}
