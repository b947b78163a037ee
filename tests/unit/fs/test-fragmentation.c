/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What is contiguous is one piece, whatever of it is shared; what is not is counted to the block.
 */
#include "common/fs/fragmentation.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/reflink.h"
#include "common/fs/settle-frees.h"
#include "harness/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK (4 * KIB)

static RlFragmentation
fragmentation(int fd)
{
    RlFragmentation found = {0};
    GError *error = NULL;

    g_assert_true(rl_fragmentation_get(fd, NULL, &found, &error));
    g_assert_no_error(error);
    return found;
}

static void
test_none(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);

    RlFragmentation found = fragmentation(fd);
    g_assert_cmpint(found.extents + found.allocated + found.shared, ==, 0);
    g_assert_cmpint(rl_fragmentation_mean(&found), ==, 0);
    g_assert_true(found.exact);
}

/* More than one reading of the map has. */
static void
test_holes(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);

    g_assert_cmpint(ftruncate(fd, 3000 * BLOCK), ==, 0);
    for (uint64_t i = 0; i < 3000; i += 2)
        lab_fill(fd, i * BLOCK, BLOCK);
    RlFragmentation found = fragmentation(fd);
    g_assert_cmpint(found.extents, ==, 1500);
    g_assert_cmpint(found.allocated, ==, 1500 * BLOCK);
    g_assert_cmpint(rl_fragmentation_mean(&found), ==, BLOCK);
}

/* The kernel lists each part that is shared, and each that is not, by itself. */
static void
test_shared_parts(Lab *lab)
{
    rl_autofd int a = lab_open(lab, "a", 0), b = lab_open(lab, "b", 0);

    lab_fill(a, 0, MIB);
    g_assert_cmpint(fsync(a), ==, 0);
    guint before = (guint) fragmentation(a).extents;
    for (uint64_t at = 0; at < MIB; at += 32 * BLOCK) {
        struct file_clone_range part = {
            .src_fd = a, .src_offset = at, .src_length = 16 * BLOCK, .dest_offset = at};
        g_assert_cmpint(ioctl(b, FICLONERANGE, &part), ==, 0);
    }
    RlFragmentation of_a = fragmentation(a), of_b = fragmentation(b);
    g_assert_cmpint(of_a.extents, ==, before);
    /* btrfs shares whole extents. */
    g_assert_cmpint(of_a.shared, ==, strcmp(lab->fs, "xfs") == 0 ? MIB / 2 : MIB);
    g_assert_cmpint(of_b.shared, ==, MIB / 2);
    g_assert_cmpint(of_b.extents, >=, 8);
}

/* Each write to what is shared goes elsewhere. */
static void
test_written_parts(Lab *lab)
{
    rl_autofd int a = lab_open(lab, "a", 0), b = lab_open(lab, "b", 0);

    lab_fill(a, 0, MIB);
    g_assert_true(rl_reflink(a, b, NULL));
    for (uint64_t at = 8 * BLOCK; at < MIB; at += 32 * BLOCK)
        lab_fill(b, at, BLOCK);
    RlFragmentation of_b = fragmentation(b);
    g_assert_cmpint(of_b.extents, >=, 16);
    g_assert_cmpint(of_b.allocated, ==, MIB);
    g_assert_cmpint(of_b.shared, ==, MIB - 8 * BLOCK);
}

static void
test_compression(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);
    int flags = FS_COMPR_FL;

    g_assert_cmpint(ioctl(fd, FS_IOC_SETFLAGS, &flags), ==, 0);
    lab_fill(fd, 0, MIB);
    RlFragmentation found = fragmentation(fd);
    g_assert_false(found.exact);
    g_assert_cmpint(found.extents, ==, 8); /* 128 KiB each */
}

static void
report(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    g_assert_cmpint(at, <=, size);
    g_assert_cmpint(moved, >=, *(uint64_t *) data);
    *(uint64_t *) data = moved;
}

static void
test_progress(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);
    uint64_t at = 0;
    const RlProgress progress = {.report = report, .data = &at};
    RlFragmentation found;

    for (uint64_t i = 0; i < 2500; i += 2)
        lab_fill(fd, i * BLOCK, BLOCK);
    g_assert_true(rl_fragmentation_get(fd, &progress, &found, NULL));
    g_assert_cmpint(at, ==, 2499 * BLOCK);
}

/* XFS frees them later, and calls them shared meanwhile. */
static void
test_removed(Lab *lab)
{
    rl_autofd int a = lab_open(lab, "a", 0);
    g_autofree char *other = lab_path(lab, "b");

    for (uint64_t i = 0; i < 6000; i += 2)
        lab_fill(a, i * BLOCK, BLOCK);
    g_assert_cmpint(fsync(a), ==, 0);
    for (int i = 0; i < 2; i++) {
        rl_autofd int b = lab_open(lab, "b", 0);
        g_assert_true(rl_reflink(a, b, NULL));
        g_assert_cmpint(fsync(b), ==, 0);
        g_assert_cmpint(fragmentation(a).shared, ==, 3000 * BLOCK);
        rl_fd_close(&b);
        g_assert_cmpint(unlink(other), ==, 0);
        rl_settle_frees(a);
        g_assert_cmpint(fragmentation(a).shared, ==, 0);
    }
}

static void
test_failures(Lab *lab)
{
    RlFragmentation found;
    GError *error = NULL;

    (void) lab;
    g_assert_false(rl_fragmentation_get(-1, NULL, &found, &error));
    take_errno(error, EBADF, "examine");
}

void
add_tests(void)
{
    lab_add("/fragmentation/none", test_none);
    lab_add("/fragmentation/holes", test_holes);
    lab_add_on("/fragmentation/shared-parts", "xfs btrfs", test_shared_parts);
    lab_add_on("/fragmentation/written-parts", "xfs btrfs", test_written_parts);
    lab_add_on("/fragmentation/compression", "btrfs", test_compression);
    lab_add("/fragmentation/progress", test_progress);
    lab_add_on("/fragmentation/removed", "xfs btrfs", test_removed);
    lab_add_on("/fragmentation/failures", "xfs", test_failures);
}
