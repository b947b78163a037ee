/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs ext4 */
#include "common/fs/dirfd.h"

#include "common/base/autofd.h"
#include "common/fs/dir-iter.h"
#include "harness/disturb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void
opens(Lab *lab, const char *path)
{
    GError *error = NULL;
    rl_autofd int fd = rl_dirfd_open(lab->pool->root, path, &error);

    g_assert_no_error(error);
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
}

static void
refuses(Lab *lab, const char *path, int wanted_errno)
{
    g_autofree char *quoted = g_strdup_printf("'%s'", path);
    GError *error = NULL;

    g_assert_cmpint(rl_dirfd_open(lab->pool->root, path, &error), ==, -1);
    take_errno(error, wanted_errno, quoted);
    error = NULL;
    if (wanted_errno == ENOENT)
        return;
    g_assert_cmpint(rl_dirfd_make(lab->pool->root, path, &error), ==, -1);
    take_errno(error, wanted_errno, quoted);
}

static void
test_nothing_leads_out(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b"), *link = lab_path(lab, "link");
    g_autofree char *inner = lab_path(lab, "a/inner"), *file = lab_path(lab, "file");

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_cmpint(symlink("/", link), ==, 0);
    g_assert_cmpint(symlink("b", inner), ==, 0);
    make_file(file, "");
    opens(lab, "a/b");
    refuses(lab, "missing", ENOENT);
    refuses(lab, "..", EXDEV);
    refuses(lab, "a/../..", EXDEV);
    refuses(lab, "/", EXDEV);
    refuses(lab, "/etc", EXDEV);
    refuses(lab, "link", ELOOP);
    refuses(lab, "link/etc", ELOOP);
    refuses(lab, "a/inner", ELOOP);
    refuses(lab, "a/inner/x", ELOOP);
    refuses(lab, "file", ENOTDIR);
    refuses(lab, "file/x", ENOTDIR);
}

static void
test_make(Lab *lab)
{
    GError *error = NULL;
    rl_autofd int fd = rl_dirfd_make(lab->pool->root, "a/b/c", &error);
    g_autofree char *tree = list_tree(lab->path);
    g_autofree char *made = lab_path(lab, "a/b");

    g_assert_no_error(error);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpstr(tree, ==, ".reflink-pool.xml a a/b a/b/c");
    g_assert_cmpuint(look(made).st_mode & 0777, ==, 0755);
    rl_autofd int again = rl_dirfd_make(lab->pool->root, "a/b/d", &error);
    g_assert_no_error(error);
    g_assert_cmpint(again, >=, 0);
    rl_autofd int there = rl_dirfd_make(lab->pool->root, "a/b/d", &error);
    g_assert_no_error(error);
    g_assert_cmpint(there, >=, 0);
}

static void
test_remove_empty(Lab *lab)
{
    g_autofree char *deep = lab_path(lab, "a/b/c"), *kept = lab_path(lab, "a/file");

    g_assert_cmpint(g_mkdir_with_parents(deep, 0755), ==, 0);
    make_file(kept, "");
    rl_dirfd_remove_empty(lab->pool->root, "a/b/c");
    g_autofree char *tree = list_tree(lab->path);
    g_assert_cmpstr(tree, ==, ".reflink-pool.xml a a/file");

    /* Never one of the first level, and nothing that is not there or not empty. */
    g_assert_cmpint(unlink(kept), ==, 0);
    rl_dirfd_remove_empty(lab->pool->root, "a/x");
    rl_dirfd_remove_empty(lab->pool->root, "a");
    rl_dirfd_remove_empty(lab->pool->root, "missing/x");
    assert_list(lab->path, ".reflink-pool.xml a");
}

static void
file_refused(Lab *lab, const char *name, int code, const char *words)
{
    GError *error = NULL;
    size_t length;
    struct stat st;
    bool there;

    g_assert_cmpint(rl_dirfd_open_file(lab->pool->root, name, O_RDONLY, &error), ==, -1);
    if (code >= 0)
        take_error(error, code, words);
    else
        take_errno(error, -code, words);
    error = NULL;
    g_assert_null(rl_dirfd_read_file(lab->pool->root, name, 100, &length, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_false(rl_dirfd_stat(lab->pool->root, name, &there, &st, &error));
    take_error(error, RL_ERROR_INVALID, "regular");
}

/* None of these may hold us up, be taken for an image, or even be opened: there is no driver for
 * the device, so to open it would be another error. */
static void
test_only_regular_files(Lab *lab)
{
    g_autofree char *fifo = lab_path(lab, "fifo"), *link = lab_path(lab, "link");
    g_autofree char *file = lab_path(lab, "file"), *dir = lab_path(lab, "dir");
    g_autofree char *device = lab_path(lab, "device");
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    rl_autofd int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_assert_cmpint(fchdir(lab->pool->root), ==, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
    g_assert_cmpint(chdir("/"), ==, 0);
    make_file(file, "x");
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    g_assert_cmpint(symlink("file", link), ==, 0);
    g_assert_cmpint(mknod(device, S_IFCHR | 0600, makedev(511, 1)), ==, 0);
    file_refused(lab, "fifo", RL_ERROR_INVALID, "'fifo'");
    file_refused(lab, "dir", RL_ERROR_INVALID, "'dir'");
    file_refused(lab, "device", RL_ERROR_INVALID, "'device'");
    file_refused(lab, "link", -ELOOP, "'link'");
    file_refused(lab, "socket", RL_ERROR_INVALID, "'socket'");

    /* A writer's open fails as long as nobody has the fifo open for reading. */
    g_assert_cmpint(open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC), ==, -1);
    g_assert_cmpint(errno, ==, ENXIO);
}

static void
test_read_file(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f"), *hundred = g_strnfill(100, 'x');
    g_autofree char *all = NULL;
    GError *error = NULL;
    size_t length = 0;

    make_file(path, hundred);
    all = rl_dirfd_read_file(lab->pool->root, "f", 100, &length, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(all, ==, hundred);
    g_assert_cmpuint(length, ==, 100);
    g_assert_null(rl_dirfd_read_file(lab->pool->root, "f", 99, &length, &error));
    take_error(error, RL_ERROR_INVALID, "'f' & 99");
    error = NULL;
    g_assert_null(rl_dirfd_read_file(lab->pool->root, "g", 99, &length, &error));
    take_errno(error, ENOENT, "'g'");

    make_file(path, "");
    error = NULL;
    g_autofree char *empty = rl_dirfd_read_file(lab->pool->root, "f", 99, &length, &error);
    g_assert_cmpstr(empty, ==, "");
    g_assert_cmpuint(length, ==, 0);
}

static void
test_stat(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "f");
    GError *error = NULL;
    struct stat st;
    bool there;

    g_assert_true(rl_dirfd_stat(lab->pool->root, "f", &there, &st, &error));
    g_assert_false(there);
    make_file(path, "abc");
    g_assert_true(rl_dirfd_stat(lab->pool->root, "f", &there, &st, &error));
    g_assert_true(there);
    g_assert_cmpint(st.st_size, ==, 3);
    g_assert_no_error(error);
}

static void
test_sync(Lab *lab)
{
    GError *error = NULL;

    g_assert_true(rl_dirfd_sync(lab->pool->root, "x", &error));
    g_assert_false(rl_dirfd_sync(-1, "a/b", &error));
    take_errno(error, EBADF, "'a/b'");
}

static void
test_entries(Lab *lab)
{
    g_autofree char *file = lab_path(lab, "file"), *dir = lab_path(lab, "dir");
    GError *error = NULL;
    unsigned seen = 0;
    const char *name;

    make_file(file, "");
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    for (int i = 0; i < 2; i++) { /* the descriptor's own position does not matter */
        g_autoptr(RlDirIter) entries = rl_dir_iter_open(lab->pool->root, &error);
        g_assert_no_error(error);
        while ((name = rl_dir_iter_next(entries))) {
            g_assert_cmpstr(name, !=, ".");
            g_assert_cmpstr(name, !=, "..");
            if (strcmp(name, "dir") == 0)
                g_assert_true(entries->type == DT_DIR || entries->type == DT_UNKNOWN);
            seen++;
        }
    }
    g_assert_cmpuint(seen, ==, 6);
    g_assert_null(rl_dir_iter_open(-1, &error));
    take_errno(error, EBADF, "directory");
    rl_dir_iter_close(NULL);
}

static void
test_descriptors_close_themselves(void)
{
    int number, kept;
    {
        rl_autofd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        rl_autofd int none = -1;
        rl_autofd int given = open("/dev/null", O_RDONLY | O_CLOEXEC);
        number = fd;
        kept = rl_fd_steal(&given);
        g_assert_cmpint(given, ==, -1);
        g_assert_cmpint(none, ==, -1);
    }
    g_assert_cmpint(fcntl(number, F_GETFD), ==, -1);
    g_assert_cmpint(fcntl(kept, F_GETFD), >=, 0);
    errno = ENOSPC;
    rl_fd_close(&kept);
    g_assert_cmpint(errno, ==, ENOSPC);
    g_assert_cmpint(kept, ==, -1);
}

/* Somebody may have a lease on a file for as long as he likes: nobody waits for that. */
static void
test_lease_that_lasts(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "leased");
    GError *error = NULL;

    make_file(path, "text");
    rl_autofd int lease = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(fcntl(lease, F_SETSIG, SIGURG), ==, 0);
    g_assert_cmpint(fcntl(lease, F_SETLEASE, F_RDLCK), ==, 0);
    gint64 before = g_get_monotonic_time();
    g_assert_cmpint(rl_dirfd_open_file(lab->pool->root, "leased", O_RDWR, &error), ==, -1);
    take_errno(error, EWOULDBLOCK, "'leased'");
    g_assert_cmpint(g_get_monotonic_time() - before, >, G_USEC_PER_SEC / 2);
    rl_autofd int reader = rl_dirfd_open_file(lab->pool->root, "leased", O_RDONLY, NULL);
    g_assert_cmpint(reader, >=, 0);
    g_assert_cmpint(fcntl(lease, F_SETLEASE, F_UNLCK), ==, 0);
    rl_autofd int writer = rl_dirfd_open_file(lab->pool->root, "leased", O_RDWR, NULL);
    g_assert_cmpint(writer, >=, 0);
}

/* What the kernel says when somebody renames a directory on the way at that moment. */
static bool
open_directory(Lab *lab, GError **error)
{
    rl_autofd int fd = rl_dirfd_open(lab->pool->root, ".", error);

    return fd >= 0;
}

static void
test_open_once_more(Lab *lab)
{
    Disturbance again = {.nr = SYS_openat2, .first = 1, .count = 3, .code = EAGAIN};
    GError *error = NULL;

    g_assert_true(disturb(lab, &again, open_directory, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(again.made, ==, 4);
}

void
add_tests(void)
{
    lab_add_on("/dir/nothing-leads-out", "xfs ext4", test_nothing_leads_out);
    lab_add_on("/dir/make", "xfs ext4", test_make);
    lab_add_on("/dir/remove-empty", "xfs ext4", test_remove_empty);
    lab_add_on("/dir/only-regular-files", "xfs ext4", test_only_regular_files);
    lab_add_on("/dir/read-file", "xfs ext4", test_read_file);
    lab_add_on("/dir/stat", "xfs ext4", test_stat);
    lab_add_on("/dir/sync", "xfs ext4", test_sync);
    lab_add_on("/entries/all-but-dots", "xfs ext4", test_entries);
    lab_add_on("/dir/lease-that-lasts", "xfs ext4", test_lease_that_lasts);
    lab_add_on("/dir/open-once-more", "xfs", test_open_once_more);
    g_test_add_func("/fd/close-themselves", test_descriptors_close_themselves);
}
