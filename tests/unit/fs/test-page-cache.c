/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Are pages of a file left after they were dropped? Also with a kernel that has no cachestat(2). */
#include "common/base/autofd.h"
#include "common/fs/page-cache.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

static int
open_file(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "file"), *data = g_strnfill(MIB, 'x');

    make_file(path, data);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    g_assert_no_errno(fsync(fd));
    return fd;
}

static bool
drop(Lab *lab, GError **error)
{
    g_autofree char *path = lab_path(lab, "file");
    rl_autofd int fd = open(path, O_RDWR | O_CLOEXEC);

    (void) error;
    return rl_page_cache_drop(fd, MIB);
}

static void
test_without_cachestat(Lab *lab)
{
    Disturbance old = {.nr = SYS_cachestat, .first = 1, .code = ENOSYS};
    rl_autofd int fd = open_file(lab);

    g_assert_true(drop(lab, NULL));
    g_assert_true(disturb(lab, &old, drop, NULL));
    /* What a process has mapped and looked at stays. */
    char *mapped = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0);
    g_assert_true(mapped != MAP_FAILED);
    g_assert_cmpint(mapped[MIB / 2], ==, 'x');
    g_assert_no_errno(mlock(mapped, MIB));
    g_assert_false(drop(lab, NULL));
    g_assert_false(disturb(lab, &old, drop, NULL));
    munmap(mapped, MIB);
}

static void
test_unwritten(Lab *lab)
{
    Disturbance bad = {.nr = SYS_sync_file_range, .first = 1, .code = EIO};
    int fd = open_file(lab);

    close(fd);
    g_assert_false(disturb(lab, &bad, drop, NULL));
    bad.nr = SYS_fadvise64;
    g_assert_false(disturb(lab, &bad, drop, NULL));
    g_assert_false(rl_page_cache_drop(-1, MIB));
}

void
add_tests(void)
{
    lab_add("/page-cache/without-cachestat", test_without_cachestat);
    lab_add("/page-cache/unwritten", test_unwritten);
}
