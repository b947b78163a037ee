/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What a file takes for itself, and what it shares, is counted to the block. */
#include "common/fs/allocation.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/reflink.h"
#include "harness/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define BLOCK (4 * KIB)

static RlAllocation
allocation(int fd)
{
    RlAllocation found = {0};
    GError *error = NULL;

    g_assert_true(rl_allocation_get(fd, NULL, &found, &error));
    g_assert_no_error(error);
    return found;
}

static void
test_exclusive(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);

    RlAllocation none = allocation(fd);
    g_assert_cmpint(none.exclusive + none.shared + none.extents, ==, 0);
    g_assert_cmpint(ftruncate(fd, 64 * MIB), ==, 0);
    lab_fill(fd, 0, 16 * BLOCK);
    lab_fill(fd, MIB, 16 * BLOCK);
    g_assert_cmpint(fallocate(fd, FALLOC_FL_KEEP_SIZE, 128 * MIB, 16 * BLOCK), ==, 0);
    RlAllocation found = allocation(fd);
    g_assert_cmpint(found.exclusive, ==, 48 * BLOCK);
    g_assert_cmpint(found.shared, ==, 0);
    g_assert_cmpint(found.extents, >=, 3);
    g_assert_true(found.exact);
}

static void
test_shared(Lab *lab)
{
    rl_autofd int a = lab_open(lab, "a", 0), b = lab_open(lab, "b", 0);

    lab_fill(a, 0, MIB);
    g_assert_true(rl_reflink(a, b, NULL));
    g_assert_cmpint(allocation(a).shared, ==, MIB);
    g_assert_cmpint(allocation(b).exclusive, ==, 0);
    lab_fill(b, 16 * BLOCK, 16 * BLOCK);
    RlAllocation of_b = allocation(b);
    g_assert_cmpint(of_b.exclusive, ==, 16 * BLOCK);
    g_assert_cmpint(of_b.shared, ==, MIB - 16 * BLOCK);
    g_assert_cmpint(ftruncate(b, 0), ==, 0);
    g_assert_cmpint(fsync(b), ==, 0);
    g_assert_cmpint(allocation(a).exclusive, ==, MIB);
}

/* More than one reading has. */
static void
test_many_extents(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);

    g_assert_cmpint(ftruncate(fd, 2000 * BLOCK), ==, 0);
    for (uint64_t i = 0; i < 2000; i += 2)
        lab_fill(fd, i * BLOCK, BLOCK);
    RlAllocation found = allocation(fd);
    g_assert_cmpint(found.exclusive, ==, 1000 * BLOCK);
    g_assert_cmpint(found.extents, ==, 1000);
}

static void
test_compression(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);
    int flags = FS_COMPR_FL;

    g_assert_cmpint(ioctl(fd, FS_IOC_SETFLAGS, &flags), ==, 0);
    lab_fill(fd, 0, MIB);
    g_assert_false(allocation(fd).exact);
}

static void
test_failures(Lab *lab)
{
    RlAllocation found;
    GError *error = NULL;

    (void) lab;
    g_assert_false(rl_allocation_get(-1, NULL, &found, &error));
    take_errno(error, EBADF, "");
}

void
add_tests(void)
{
    lab_add("/allocation/exclusive", test_exclusive);
    lab_add_on("/allocation/shared", "xfs btrfs", test_shared);
    lab_add("/allocation/many-extents", test_many_extents);
    lab_add_on("/allocation/compression", "btrfs", test_compression);
    lab_add_on("/allocation/failures", "xfs", test_failures);
}
