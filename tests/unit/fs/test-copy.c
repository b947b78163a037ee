/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/fs/sparse-copy.h"

#include "common/base/autofd.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

static void
put(int fd, off_t offset, char byte, size_t length)
{
    g_autofree char *data = g_malloc(length);

    memset(data, byte, length);
    g_assert_cmpint(pwrite(fd, data, length, offset), ==, (gssize) length);
}

static void
copy(int from, int to)
{
    GError *error = NULL;

    rl_sparse_copy(from, to, NULL, &error);
    g_assert_no_error(error);
}

static void
assert_equal(int a, int b)
{
    off_t size = lseek(a, 0, SEEK_END);
    g_autofree char *left = g_malloc0((size_t) size + 1), *right = g_malloc0((size_t) size + 1);

    g_assert_cmpint(lseek(b, 0, SEEK_END), ==, size);
    g_assert_cmpint(pread(a, left, (size_t) size, 0), ==, size);
    g_assert_cmpint(pread(b, right, (size_t) size, 0), ==, size);
    g_assert_cmpint(memcmp(left, right, (size_t) size), ==, 0);
}

static off_t
allocated(int fd)
{
    struct stat st;

    g_assert_cmpint(fsync(fd), ==, 0);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    return (off_t) st.st_blocks * 512;
}

static void
test_holes_stay_holes(Lab *lab)
{
    rl_autofd int from = lab_open(lab, "from", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);

    put(from, 0, 'a', 4 * KIB);
    put(from, 8 * MIB, 'b', 64 * KIB);
    g_assert_cmpint(ftruncate(from, 16 * MIB), ==, 0);
    copy(from, to);
    assert_equal(from, to);
    g_assert_cmpint(allocated(to), <=, 512 * (off_t) KIB);
    g_assert_cmpint(lseek(to, 0, SEEK_HOLE), <=, MIB);
}

static void
test_zeros_become_holes(Lab *lab)
{
    rl_autofd int from = lab_open(lab, "from", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);

    put(from, 0, 0, 4 * MIB);
    put(from, 2 * MIB + 4 * KIB, 'x', 1);
    copy(from, to);
    assert_equal(from, to);
    g_assert_cmpint(allocated(from), >=, 4 * (off_t) MIB);
    g_assert_cmpint(allocated(to), <=, 128 * (off_t) KIB);
}

static void
test_odd_sizes(Lab *lab)
{
    const off_t sizes[] = {0, 1, 511, 4095, 4097, 1024 * 1024 - 1, 1024 * 1024 + 1, 3000001};

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        rl_autofd int data = lab_open(lab, "data", O_TRUNC), hole = lab_open(lab, "hole", O_TRUNC);
        rl_autofd int to = lab_open(lab, "to", O_TRUNC),
                      to_hole = lab_open(lab, "to-hole", O_TRUNC);
        if (sizes[i])
            put(data, 0, 'x', (size_t) sizes[i]);
        g_assert_cmpint(ftruncate(hole, sizes[i]), ==, 0);
        copy(data, to);
        assert_equal(data, to);
        copy(hole, to_hole);
        assert_equal(hole, to_hole);
        g_assert_cmpint(allocated(to_hole), ==, 0);
    }
}

/* A single byte anywhere in a block is data. */
static void
test_every_byte_counts(Lab *lab)
{
    rl_autofd int from = lab_open(lab, "from", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);

    put(from, 0, 0, 64 * KIB);
    put(from, 4 * KIB - 1, 'a', 1);
    put(from, 16 * KIB, 'b', 1);
    put(from, 32 * KIB + 1, 'c', 1);
    put(from, 64 * KIB - 1, 'd', 1);
    copy(from, to);
    assert_equal(from, to);
}

static void
test_huge_holes_cost_nothing(Lab *lab)
{
    rl_autofd int from = lab_open(lab, "from", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);
    gint64 begin = g_get_monotonic_time();

    put(from, 1000 * 1024 * (off_t) MIB, 'x', 4 * KIB);
    copy(from, to);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
    g_assert_cmpint(lseek(to, 0, SEEK_END), ==, 1000 * 1024 * (off_t) MIB + 4 * KIB);
}

static void
test_position_does_not_matter(Lab *lab)
{
    rl_autofd int from = lab_open(lab, "from", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);

    put(from, 0, 'x', 100);
    g_assert_cmpint(lseek(from, 50, SEEK_SET), ==, 50);
    copy(from, to);
    assert_equal(from, to);
}

/* A file system of four MiB in a file system of its own, mounted at @path. */
static void
test_full_disk(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "tiny"), *path = lab_path(lab, "tiny/to");
    rl_autofd int from = lab_open(lab, "from", O_TRUNC);
    GError *error = NULL;

    put(from, 0, 'x', 8 * MIB);
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    if (mount("tmpfs", dir, "tmpfs", 0, "size=4m") < 0) {
        g_test_skip("cannot mount a tmpfs");
        return;
    }
    {
        rl_autofd int to = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        g_assert_false(rl_sparse_copy(from, to, NULL, &error));
    }
    g_assert_cmpint(umount2(dir, MNT_DETACH), ==, 0);
    take_errno(error, ENOSPC, "");
}

static void
test_unreadable(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "from");
    rl_autofd int from = lab_open(lab, "from", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);
    GError *error = NULL;

    put(from, 0, 'x', 100);
    rl_autofd int writer = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_false(rl_sparse_copy(writer, to, NULL, &error));
    take_errno(error, EBADF, "");
    error = NULL;
    rl_autofd int reader = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_false(rl_sparse_copy(from, reader, NULL, &error));
    take_errno(error, EINVAL, "size");
}

static bool
count_down(void *data)
{
    int *left = data;

    return (*left)-- > 0;
}

static void
test_interrupted(Lab *lab)
{
    rl_autofd int from = lab_open(lab, "from", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);
    int pieces = 2;
    GError *error = NULL;

    put(from, 0, 'x', MIB);
    g_assert_false(
        rl_sparse_copy(from, to, &(RlCopyWatch){.go_on = count_down, .data = &pieces}, &error));
    take_errno(error, ECANCELED, "interrupted");
    g_assert_cmpint(pieces, ==, -1);
    pieces = 100;
    g_assert_true(
        rl_sparse_copy(from, to, &(RlCopyWatch){.go_on = count_down, .data = &pieces}, NULL));
    assert_equal(from, to);
}

typedef struct {
    uint64_t at, size, moved;
    int reports;
} Told;

static void
tell(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    Told *told = data;

    g_assert_cmpuint(at, >, told->at);
    g_assert_cmpuint(moved, >, told->moved);
    *told = (Told){at, size, moved, told->reports + 1};
}

/* Who waits is told of it piece by piece; holes are passed over. */
static void
test_progress(Lab *lab)
{
    rl_autofd int from = lab_open(lab, "from", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);
    Told told = {0};
    const RlCopyWatch watch = {.progress = {.report = tell, .data = &told}};
    GError *error = NULL;

    put(from, 64 * MIB, 'x', MIB);
    g_assert_true(rl_sparse_copy(from, to, &watch, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(told.size, ==, 65 * MIB);
    g_assert_cmpuint(told.at, ==, 65 * MIB);
    g_assert_cmpuint(told.moved, ==, MIB);
    g_assert_cmpint(told.reports, >, 1);
}

/* A block device has no holes to tell, but zeros to leave out. */
static void
test_block_device(Lab *lab)
{
    rl_autofd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    rl_autofd int backing = lab_open(lab, "backing", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);
    int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    g_autofree char *path = g_strdup_printf("/dev/loop%d", number);
    rl_autofd int device = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);

    put(backing, 64 * KIB, 'x', 4 * KIB);
    g_assert_cmpint(ftruncate(backing, 4 * MIB), ==, 0);
    if (device < 0 || ioctl(device, LOOP_SET_FD, backing) < 0) {
        g_test_skip("no loop devices");
        return;
    }
    copy(device, to);
    g_assert_cmpint(ioctl(device, LOOP_CLR_FD), ==, 0);
    assert_equal(backing, to);
    g_assert_cmpint(allocated(to), <=, 128 * (off_t) KIB);
}

void
add_tests(void)
{
    lab_add("/copy/holes-stay-holes", test_holes_stay_holes);
    lab_add("/copy/zeros-become-holes", test_zeros_become_holes);
    lab_add("/copy/odd-sizes", test_odd_sizes);
    lab_add("/copy/every-byte-counts", test_every_byte_counts);
    lab_add("/copy/huge-holes-cost-nothing", test_huge_holes_cost_nothing);
    lab_add("/copy/position-does-not-matter", test_position_does_not_matter);
    lab_add("/copy/full-disk", test_full_disk);
    lab_add("/copy/unreadable", test_unreadable);
    lab_add("/copy/interrupted", test_interrupted);
    lab_add("/copy/progress", test_progress);
    lab_add("/copy/block-device", test_block_device);
}
