/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A file that shares most with another one becomes a reflink of that, whatever was done to both;
 * and where it did not, that is seen. */
#include "common/fs/share-changes.h"

#include "common/base/autofd.h"
#include "harness/disturb.h"
#include "harness/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARING "xfs btrfs"
#define BLOCK (4 * KIB)

static uint64_t
size_of(int fd)
{
    struct stat st;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    return (uint64_t) st.st_size;
}

static bool
has_same_bytes(const Pair *pair)
{
    uint64_t size = size_of(pair->a);
    g_autofree char *of_a = g_malloc0(size + 1), *of_b = g_malloc0(size + 1);

    return size_of(pair->b) == size && pread(pair->a, of_a, size, 0) == (gssize) size &&
           pread(pair->b, of_b, size, 0) == (gssize) size && memcmp(of_a, of_b, size) == 0;
}

/* Makes b what a is. */
static RlShared
share(const Pair *pair)
{
    g_auto(RlShareChanges) changes = {0};
    g_autoptr(GError) error = NULL;

    g_assert_true(rl_share_changes_find(pair->a, pair->b, &changes, &error));
    g_assert_no_error(error);
    g_assert_true(rl_share_changes_apply(&changes, pair->a, pair->b, NULL, NULL, &error));
    g_assert_no_error(error);
    return rl_share_changes_are_right(&changes, pair->a, pair->b, &error);
}

static void
assert_shared(const Pair *pair)
{
    g_assert_cmpint(share(pair), ==, RL_SHARED_RIGHT);
    g_assert_true(has_same_bytes(pair));
}

static void
test_what_differs(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);

    assert_shared(&pair);
    pair_fill(pair.a, 'z', 10 * BLOCK, 1);
    pair_fill(pair.a, 'z', MIB + BLOCK, 1);
    pair_punch(pair.a, 20 * BLOCK, 4 * BLOCK);
    pair_fill(pair.b, 'q', 30 * BLOCK, 3 * BLOCK);
    assert_shared(&pair);
    g_assert_cmpint(ftruncate(pair.a, PAIR_SIZE - 700), ==, 0);
    assert_shared(&pair);
    g_assert_cmpint(ftruncate(pair.a, PAIR_SIZE + MIB), ==, 0);
    pair_fill(pair.a, 'z', PAIR_SIZE + 100, 5000);
    assert_shared(&pair);
    g_assert_cmpint(ftruncate(pair.a, 0), ==, 0);
    assert_shared(&pair);
    g_assert_cmpuint(size_of(pair.b), ==, 0);
}

/* What is shared is no more than what differs. */
static void
test_no_more_than_differs(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    g_auto(RlShareChanges) changes = {0};

    pair_fill(pair.a, 'z', 10 * BLOCK, 1);
    pair_fill(pair.b, 'z', 2 * MIB, 1);
    g_assert_true(rl_share_changes_find(pair.a, pair.b, &changes, NULL));
    g_assert_cmpuint(changes.ranges->len, ==, 2);
    for (guint i = 0; i < 2; i++)
        g_assert_cmpuint(g_array_index(changes.ranges, RlShareRange, i).length, ==, BLOCK);
}

/* More extents than are read at a time, cut in other places in both. */
static void
test_many_extents(Lab *lab)
{
    g_auto(Pair) pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
    const uint64_t blocks = 3000;

    g_assert_cmpint(ftruncate(pair.a, (off_t) (blocks * BLOCK)), ==, 0);
    for (uint64_t i = 0; i < blocks; i += 2)
        pair_fill(pair.a, 'x', i * BLOCK, BLOCK);
    pair_make_like(lab, pair.a, pair.b);
    for (uint64_t i = 0; i + 8 < blocks; i += 97) {
        pair_fill(i % 2 ? pair.a : pair.b, 'z', i * BLOCK, (i % 5 + 1) * BLOCK);
        pair_punch(i % 3 ? pair.a : pair.b, (i + 6) * BLOCK, BLOCK);
    }
    assert_shared(&pair);
    pair_fill(pair.a, 'w', 700 * BLOCK, 1500 * BLOCK);
    assert_shared(&pair);
    pair_fill(pair.b, 'v', 0, blocks * BLOCK);
    assert_shared(&pair);
}

static void
change(int fd, char byte)
{
    uint64_t size = size_of(fd);
    uint64_t start = (uint64_t) g_test_rand_int_range(0, (gint32) size + 1);
    uint64_t length = (uint64_t) g_test_rand_int_range(1, 64 * KIB);

    switch (g_test_rand_int_range(0, 10)) {
    case 0:
    case 1:
        pair_punch(fd, start, length);
        return;
    case 2:
        g_assert_cmpint(fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t) start, (off_t) length), ==, 0);
        return;
    case 3:
        g_assert_cmpint(ftruncate(fd, (off_t) start), ==, 0);
        return;
    case 4:
        g_assert_cmpint(ftruncate(fd, (off_t) (size + length)), ==, 0);
        return;
    default:
        pair_fill(fd, byte, start, length);
    }
}

/* The revision that goes has the history of several runs that the clean image has not, and the
 * other way round; then the next runs follow. */
static void
live_through(Pair *pair, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        int changes = g_test_rand_int_range(0, 12);
        for (int i = 0; i < changes; i++)
            change(g_test_rand_int_range(0, 4) == 0 ? pair->b : pair->a, (char) ('A' + i));
        if (g_test_rand_bit())
            g_assert_cmpint(fsync(pair->a) + fsync(pair->b), ==, 0);
        assert_shared(pair);
    }
}

static void
test_random_histories(Lab *lab)
{
    for (int i = 0; i < 5; i++) {
        g_auto(Pair) pair = pair_new(lab);
        live_through(&pair, 12);
    }
}

static void
test_compression(Lab *lab)
{
    for (int i = 0; i < 4; i++) {
        g_auto(Pair) pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
        int flags = FS_COMPR_FL;
        g_assert_cmpint(ftruncate(pair.a, 0) + ftruncate(pair.b, 0), ==, 0);
        g_assert_cmpint(ioctl(i % 2 ? pair.a : pair.b, FS_IOC_SETFLAGS, &flags), ==, 0);
        pair_fill(pair.a, 'x', 0, MIB);
        pair_make_like(lab, pair.a, pair.b);
        live_through(&pair, 8);
    }
}

/* A device that writes what it was not told to, or a mistake. */
static void
test_a_difference_is_seen(Lab *lab)
{
    for (int where = 0; where < 2; where++) {
        g_auto(Pair) pair = pair_new(lab);
        g_auto(RlShareChanges) changes = {0};
        GError *error = NULL;
        pair_fill(pair.a, 'z', 10 * BLOCK, BLOCK);
        g_assert_true(rl_share_changes_find(pair.a, pair.b, &changes, &error));
        g_assert_true(rl_share_changes_apply(&changes, pair.a, pair.b, NULL, NULL, &error));
        g_assert_no_error(error);
        pair_fill(pair.b, 'w', where ? 10 * BLOCK : 600 * BLOCK, 1);
        g_assert_cmpint(rl_share_changes_are_right(&changes, pair.a, pair.b, &error), ==,
                        RL_SHARED_WRONG);
        take_error(error, RL_ERROR_INVALID, where ? "40960" : "2457600");
    }
}

static Pair moved;

static RlShared answered;

/* b is what goes, 'a' of the pair. */
static bool
share_moved(Lab *lab, GError **error)
{
    const Pair turned = {moved.b, moved.a};

    (void) lab;
    (void) error;
    answered = share(&turned);
    return true;
}

/* Between the readings blocks move: what seemed to be equal is not, and is not taken for it. */
static void
test_blocks_that_move(Lab *lab)
{
    /* Calls: each file's flags; then the maps. */
    Disturbance between = {.nr = SYS_ioctl, .first = 4, .count = 1, .before = pair_swap_places};

    moved = pair_to_swap(lab);
    g_assert_true(disturb(lab, &between, share_moved, NULL));
    if (answered == RL_SHARED_RIGHT)
        g_assert_true(has_same_bytes(&moved));
    pair_close(&moved);
}

static bool
never(void *data)
{
    int *asked = data;

    (*asked)++;
    return false;
}

static void
test_what_is_refused(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    g_auto(RlShareChanges) some = {0}, doubtful = {0}, many = {0};
    GError *error = NULL;
    int asked = 0;

    pair_fill(pair.a, 'z', 0, BLOCK);
    g_assert_true(rl_share_changes_find(pair.a, pair.b, &some, &error));
    g_assert_false(rl_share_changes_apply(&some, pair.a, pair.b, never, &asked, &error));
    take_errno(g_steal_pointer(&error), ECANCELED, "interrupted");
    g_assert_cmpint(asked, ==, 1);

    g_assert_cmpint(fallocate(pair.a, 0, 8 * (off_t) MIB, 65 * (off_t) MIB), ==, 0);
    g_assert_false(rl_share_changes_find(pair.a, pair.b, &doubtful, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_UNSUPPORTED, "unwritten");

    const off_t size = (off_t) (RL_SHARE_RANGES_MAX + 1) * 2 * (off_t) BLOCK;
    g_assert_cmpint(ftruncate(pair.a, 0) + ftruncate(pair.b, 0), ==, 0);
    g_assert_cmpint(ftruncate(pair.a, size) + ftruncate(pair.b, size), ==, 0);
    for (uint64_t i = 0; i <= RL_SHARE_RANGES_MAX; i++)
        pair_fill(pair.a, 'z', i * 2 * BLOCK, 1);
    g_assert_false(rl_share_changes_find(pair.a, pair.b, &many, &error));
    take_error(error, RL_ERROR_UNSUPPORTED, "16384");
}

static void
test_without_reflinks(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    g_auto(RlShareChanges) changes = {0};
    GError *error = NULL;

    g_assert_false(rl_share_changes_find(pair.a, pair.b, &changes, &error));
    take_error(error, RL_ERROR_UNSUPPORTED, "XFS and btrfs");
}

void
add_tests(void)
{
    lab_add_on("/share/what-differs", SHARING, test_what_differs);
    lab_add_on("/share/no-more-than-differs", SHARING, test_no_more_than_differs);
    lab_add_on("/share/many-extents", SHARING, test_many_extents);
    lab_add_on("/share/random-histories", SHARING, test_random_histories);
    lab_add_on("/share/compression", "btrfs", test_compression);
    lab_add_on("/share/a-difference-is-seen", SHARING, test_a_difference_is_seen);
    lab_add_on("/share/blocks-that-move", SHARING, test_blocks_that_move);
    lab_add_on("/share/what-is-refused", SHARING, test_what_is_refused);
    lab_add_on("/share/without-reflinks", "ext4", test_without_reflinks);
}
