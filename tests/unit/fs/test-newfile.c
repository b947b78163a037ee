/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/fs/tmpfile.h"

#include "common/base/autofd.h"
#include "common/fs/lease.h"
#include "common/image/temporary-files.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int
new_file(Lab *lab, const char *text)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;
    int fd = rl_tmpfile_open(lab->pool->root, &access, &error);

    g_assert_no_error(error);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize) strlen(text));
    return fd;
}

static void
test_nobody_sees_it(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "x");
    struct stat st;

    assert_list(lab->path, ".reflink-pool.xml");
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpuint(st.st_nlink, ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
}

static void
test_access(Lab *lab)
{
    RlAccess access = {07640, 1234, 5678}, only_group = {0600, (uid_t) -1, 99};
    GError *error = NULL;
    rl_autofd int fd = rl_tmpfile_open(lab->pool->root, &access, &error);
    rl_autofd int other = rl_tmpfile_open(lab->pool->root, &only_group, &error);
    struct stat st;

    g_assert_no_error(error);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0640);
    g_assert_cmpuint(st.st_uid, ==, 1234);
    g_assert_cmpuint(st.st_gid, ==, 5678);
    g_assert_cmpint(fstat(other, &st), ==, 0);
    g_assert_cmpuint(st.st_uid, ==, 0);
    g_assert_cmpuint(st.st_gid, ==, 99);
}

static void
test_link(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f");
    rl_autofd int fd = new_file(lab, "first"), other = new_file(lab, "second");
    GError *error = NULL;

    g_assert_true(rl_tmpfile_link(fd, lab->pool->root, "f", &error));
    g_assert_false(rl_tmpfile_link(other, lab->pool->root, "f", &error));
    take_errno(error, EEXIST, "'f'");
    g_autofree char *text = read_at(path, 0, 10);
    g_assert_cmpstr(text, ==, "first");
    assert_list(lab->path, ".reflink-pool.xml f");
}

static void
test_replace(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f"), *dir = lab_path(lab, "d");
    rl_autofd int fd = new_file(lab, "new"), other = new_file(lab, "other");
    GError *error = NULL;

    make_file(path, "old");
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    ino_t old = look(path).st_ino;
    g_assert_true(rl_tmpfile_replace(fd, lab->pool->root, "f~tttttt", "f", &error));
    g_autofree char *text = read_at(path, 0, 10);
    g_assert_cmpstr(text, ==, "new");
    g_assert_cmpuint(look(path).st_ino, !=, old);

    /* What fails leaves no temporary. */
    g_assert_false(rl_tmpfile_replace(other, lab->pool->root, "d~tttttt", "d", &error));
    take_errno(error, EISDIR, "'d'");
    assert_list(lab->path, ".reflink-pool.xml d f");
    error = NULL;
    make_file(path, "taken");
    g_assert_false(rl_tmpfile_replace(other, lab->pool->root, "f", "g", &error));
    take_errno(error, EEXIST, "'f'");
    assert_list(lab->path, ".reflink-pool.xml d f");
}

static void
test_write(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f"), *large = g_strnfill(1 << 20, 'x');
    GError *error = NULL;

    umask(077);
    g_assert_true(rl_tmpfile_write(lab->pool->root, "f", "text", 0644, &error));
    g_assert_true(rl_tmpfile_write(lab->pool->root, "f", large, 0644, &error));
    umask(022);
    g_assert_no_error(error);
    g_assert_cmpint(look(path).st_size, ==, 1 << 20);
    g_assert_cmpuint(look(path).st_mode & 07777, ==, 0644);
    assert_list(lab->path, ".reflink-pool.xml f");

    g_assert_false(rl_tmpfile_write(-1, "f", "x", 0600, &error));
    take_errno(error, EBADF, "new file");
}

/* Where nobody may give a name to a file without one, it has a temporary one from the beginning. */
static void
test_named_from_the_beginning(Lab *lab)
{
    RlAccess access = {0640, (uid_t) -1, (gid_t) -1};
    GError *error = NULL;
    g_autofree char *path = lab_path(lab, "x.img");
    rl_autofd int fd = rl_tmpfile_open_named(lab->pool->root, "x.img", &access, &error);

    g_assert_no_error(error);
    assert_list(lab->path, ".reflink-pool.xml x.img~");
    g_assert_true(rl_tmpfile_link(fd, lab->pool->root, "x.img", &error));
    assert_list(lab->path, ".reflink-pool.xml x.img");
    g_assert_cmpuint(look(path).st_mode & 07777, ==, 0640);
    rl_tmpfile_discard(fd, lab->pool->root);
    assert_list(lab->path, ".reflink-pool.xml x.img");

    rl_autofd int other = rl_tmpfile_open_named(lab->pool->root, "x.img", &access, &error);
    g_assert_false(rl_tmpfile_link(other, lab->pool->root, "x.img", &error));
    take_errno(g_steal_pointer(&error), EEXIST, "x.img");
    rl_tmpfile_discard(other, lab->pool->root);
    assert_list(lab->path, ".reflink-pool.xml x.img");

    rl_autofd int third = rl_tmpfile_open_named(lab->pool->root, "x.img", &access, &error);
    g_assert_true(rl_tmpfile_replace(third, lab->pool->root, "x.img~012345", "x.img", &error));
    assert_list(lab->path, ".reflink-pool.xml x.img");
    g_assert_no_error(error);
    g_assert_cmpint(rl_tmpfile_open_named(lab->pool->root, "none/x.img", &access, &error), ==, -1);
    take_errno(error, ENOENT, "new file");
}

/* Its only name is another one by now, and somebody has made a file of the name that the kernel
 * shows for the one that is gone. */
static void
test_name_that_is_gone(Lab *lab)
{
    RlAccess access = {0640, (uid_t) -1, (gid_t) -1};
    rl_autofd int fd = rl_tmpfile_open_named(lab->pool->root, "x.img", &access, NULL);
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *temp = g_file_read_link(self, NULL), *kept = lab_path(lab, "kept");
    g_autofree char *shown = g_strconcat(temp, " (deleted)", NULL);

    g_assert_cmpint(link(temp, kept), ==, 0);
    g_assert_cmpint(unlink(temp), ==, 0);
    rl_tmpfile_discard(fd, lab->pool->root);
    assert_list(lab->path, ".reflink-pool.xml kept");
    make_file(shown, "somebody's own");
    rl_tmpfile_discard(fd, lab->pool->root);
    g_assert_true(is_there(shown));
    g_assert_true(is_there(kept));
}

/* Says what AppArmor would say to this process; NULL: as it is. The directory that it says so in is
 * the process's own, and this program is run in a mount namespace of its own. */
static void
confine(const char *profile)
{
    g_autofree char *attr = g_strdup_printf("/proc/%d/attr", (int) getpid());
    g_autofree char *dir = g_build_filename(attr, "apparmor", NULL);
    g_autofree char *current = g_build_filename(dir, "current", NULL);

    umount2(attr, MNT_DETACH);
    if (!profile)
        return;
    g_assert_cmpint(mount("tmpfs", attr, "tmpfs", 0, NULL), ==, 0);
    g_assert_cmpint(mkdir(dir, 0755), ==, 0);
    make_file(current, profile);
}

static void
test_confined(Lab *lab)
{
    static const struct {
        const char *profile;
        bool named;
    } cases[] = {{"/usr/sbin/libvirtd (enforce)\n", true}, {"unconfined\n", false}, {"", false}};
    RlAccess access = {0640, (uid_t) -1, (gid_t) -1};
    GError *error = NULL;

    if (!is_there("/proc/self/attr")) {
        g_test_skip("a kernel without security modules");
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        confine(cases[i].profile);
        rl_autofd int fd = rl_tmpfile_open_for(lab->pool->root, "x.img", &access, &error);
        g_assert_no_error(error);
        assert_list(lab->path, cases[i].named ? ".reflink-pool.xml x.img~" : ".reflink-pool.xml");
        rl_tmpfile_discard(fd, lab->pool->root);
        assert_list(lab->path, ".reflink-pool.xml");
    }
    confine(NULL);
}

static bool
open_named(Lab *lab, GError **error)
{
    RlAccess access = {0640, 1234, (gid_t) -1};
    rl_autofd int fd = rl_tmpfile_open_named(lab->pool->root, "x.img", &access, error);

    return fd >= 0;
}

static void
test_nothing_is_left(Lab *lab)
{
    fails_without(lab, SYS_fchown, open_named);
    fails_without(lab, SYS_fchmod, open_named);
    assert_list(lab->path, ".reflink-pool.xml");
}

/* Once it is complete we are no writer of it to anybody who asks. */
static void
test_sealed(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "x");
    GError *error = NULL;

    g_assert_true(rl_tmpfile_seal(&fd, &error));
    g_assert_no_error(error);
    g_assert_cmpint(write(fd, "y", 1), ==, -1);
    g_assert_true(rl_tmpfile_link(fd, lab->pool->root, "name", &error));
    g_assert_no_error(error);
    g_assert_false(rl_lease_has_writer_at(lab->pool->root, "name"));
}

/* A complete file waits under its temporary name for the lock of its volume: a sweep leaves it. */
static void
test_sealed_is_no_litter(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    g_autofree char *dir = lab_path(lab, "a/b");

    lab_create(lab, "a/b/private", "one", MIB);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, "a/b/private", NULL);
    int fd = rl_tmpfile_open_named(volume->dir, "private.img", &access, &error);
    rl_volume_sweep(volume);
    g_assert_true(rl_tmpfile_seal(&fd, &error));
    g_assert_no_error(error);
    rl_volume_sweep(volume);
    assert_list(dir, "private.img private.img~");
    close(fd);
    rl_volume_sweep(volume);
    assert_list(dir, "private.img");
}

/* One in 17 random names would be a date, and pass for a backup that nothing removes. */
static void
test_is_known_as_temporary(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;

    lab_create(lab, "a/private", "x", MIB);
    g_autofree char *dir = lab_path(lab, "a");
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, "a/private", NULL);
    for (int i = 0; i < 200; i++) {
        rl_autofd int fd = rl_tmpfile_open_named(volume->dir, "private-dirty.img", &access, NULL);
        g_assert_cmpint(fd, >=, 0);
    }
    rl_volume_sweep(volume);
    assert_list(dir, "private.img");
}

void
add_tests(void)
{
    lab_add("/newfile/is-known-as-temporary", test_is_known_as_temporary);
    lab_add("/newfile/nobody-sees-it", test_nobody_sees_it);
    lab_add("/newfile/access", test_access);
    lab_add("/newfile/link", test_link);
    lab_add("/newfile/replace", test_replace);
    lab_add("/newfile/write", test_write);
    lab_add("/newfile/named-from-the-beginning", test_named_from_the_beginning);
    lab_add("/newfile/nothing-is-left", test_nothing_is_left);
    lab_add("/newfile/sealed", test_sealed);
    lab_add("/newfile/name-that-is-gone", test_name_that_is_gone);
    lab_add("/newfile/confined", test_confined);
    lab_add("/newfile/sealed-is-no-litter", test_sealed_is_no_litter);
}
