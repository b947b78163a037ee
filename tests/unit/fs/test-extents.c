/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Two files are called the same only if their blocks are; what differs is found, and nothing that
 * differs is ever missed. */
#include "common/fs/compare-extents.h"

#include "common/base/autofd.h"
#include "common/fs/reflink.h"
#include "harness/disturb.h"
#include "harness/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SHARING "xfs btrfs"
#define BLOCK (4 * KIB)
#define SIZE PAIR_SIZE

static bool
add_range(uint64_t start, uint64_t length, void *data)
{
    g_string_append_printf(data, "%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT " ", start / BLOCK,
                           length / BLOCK);
    g_assert_cmpint(start % BLOCK, ==, 0);
    return true;
}

/* The ranges that differ, in blocks, as "START+LENGTH "; owned by the caller. */
static char *
ranges(const Pair *pair, uint64_t length)
{
    GString *found = g_string_new(NULL);
    const RlExtentsWish wish = {.length = length, .range = add_range, .data = found};
    GError *error = NULL;
    RlExtents answer = rl_extents_compare(pair->a, pair->b, &wish, &error);

    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, found->len ? RL_EXTENTS_DIFFERENT : RL_EXTENTS_SAME);
    /* Without a list it is the same answer. */
    const RlExtentsWish short_wish = {.length = length};
    g_assert_cmpint(rl_extents_compare(pair->b, pair->a, &short_wish, NULL), ==, answer);
    return g_string_free(found, FALSE);
}

#define assert_ranges(pair, wanted)                   \
    do {                                              \
        g_autofree char *found_ = ranges(pair, SIZE); \
        g_assert_cmpstr(found_, ==, wanted);          \
    } while (0)

static void
test_same(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    const Pair itself = {pair.a, pair.a};

    assert_ranges(&pair, "");
    assert_ranges(&itself, "");
}

static void
test_every_change_is_found(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);

    pair_fill(pair.b, 'z', 10 * BLOCK, 1);
    assert_ranges(&pair, "10+1 ");
    pair_fill(pair.b, 'z', MIB + BLOCK, 1); /* in the hole */
    assert_ranges(&pair, "10+1 257+1 ");
    pair_fill(pair.b, 'z', SIZE - 1, 1);
    assert_ranges(&pair, "10+1 257+1 1023+1 ");
    pair_fill(pair.a, 'z', 11 * BLOCK, 1); /* the other one */
    assert_ranges(&pair, "10+2 257+1 1023+1 ");
    g_assert_cmpint(
        fallocate(pair.b, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 12 * BLOCK, 4 * BLOCK), ==,
        0);
    assert_ranges(&pair, "10+6 257+1 1023+1 ");
    pair_make_like(lab, pair.a, pair.b);
    assert_ranges(&pair, "");
}

/* Equal bytes that are not the same blocks are not known to be equal. */
static void
test_equal_bytes(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);

    pair_fill(pair.b, 'x', BLOCK, BLOCK);
    assert_ranges(&pair, "1+1 ");
}

static void
test_sizes(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);

    g_assert_cmpint(ftruncate(pair.b, 2 * MIB), ==, 0);
    assert_ranges(&pair, "512+256 "); /* what is behind the end is a hole, and so it is in a */
    g_assert_cmpint(ftruncate(pair.b, SIZE + MIB), ==, 0);
    g_assert_cmpint(ftruncate(pair.a, 512 * KIB), ==, 0);
    g_autofree char *head = ranges(&pair, 512 * KIB), *none = ranges(&pair, 0);
    g_assert_cmpstr(head, ==, "");
    g_assert_cmpstr(none, ==, "");
    assert_ranges(&pair, "128+128 ");
}

/* Blocks that were allocated and not written are zeros, as the hole that they become in a reflink;
 * but who says so reads a map that others change. */
static void
test_preallocation(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);

    g_assert_cmpint(fallocate(pair.b, 0, MIB, 4 * BLOCK), ==, 0);
    assert_ranges(&pair, "256+4 ");
    pair_fill(pair.b, 'z', MIB, BLOCK);
    assert_ranges(&pair, "256+4 ");
}

/* An extent that is compressed says nothing of where in it the data begins. */
static void
test_compression(Lab *lab)
{
    g_auto(Pair) pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
    int flags = FS_COMPR_FL;

    g_assert_cmpint(ioctl(pair.a, FS_IOC_SETFLAGS, &flags), ==, 0);
    pair_fill(pair.a, 'x', 0, MIB);
    pair_make_like(lab, pair.a, pair.b);
    assert_ranges(&pair, "0+256 ");
}

/* What lies in the inode itself, and what has not got its place yet. */
static void
test_small_and_fresh(Lab *lab)
{
    g_auto(Pair) pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
    const RlExtentsWish wish = {.length = 100};

    pair_fill(pair.a, 'x', 0, 100);
    pair_fill(pair.b, 'y', 0, 100);
    g_assert_cmpint(rl_extents_compare(pair.a, pair.b, &wish, NULL), ==, RL_EXTENTS_DIFFERENT);
}

/* More extents than are read at a time, and the ranges do not end where the maps do. */
static void
test_many_extents(Lab *lab)
{
    g_auto(Pair) pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
    g_autoptr(GString) wanted = g_string_new(NULL);
    const uint64_t blocks = 3000;

    /* First: XFS allocates ahead of writes that make a file longer. */
    g_assert_cmpint(ftruncate(pair.a, (off_t) (blocks * BLOCK)), ==, 0);
    for (uint64_t i = 0; i < blocks; i += 2)
        pair_fill(pair.a, 'x', i * BLOCK, BLOCK);
    pair_make_like(lab, pair.a, pair.b);
    g_autofree char *none = ranges(&pair, blocks * BLOCK);
    g_assert_cmpstr(none, ==, "");
    for (uint64_t i = 0; i + 500 < blocks; i += 500) {
        pair_fill(pair.b, 'z', i * BLOCK, 3 * BLOCK);
        g_string_append_printf(wanted, "%d+3 ", (int) i);
    }
    g_autofree char *found = ranges(&pair, blocks * BLOCK);
    g_assert_cmpstr(found, ==, wanted->str);
    /* All of it: one range over many maps. */
    pair_fill(pair.b, 'z', 0, blocks * BLOCK);
    g_autofree char *all = ranges(&pair, blocks * BLOCK);
    g_assert_cmpstr(all, ==, "0+3000 ");

    const RlExtentsWish bounded = {.length = blocks * BLOCK, .extents_max = 100};
    GError *error = NULL;
    pair_make_like(lab, pair.a, pair.b);
    g_assert_cmpint(rl_extents_compare(pair.a, pair.b, &bounded, &error), ==, RL_EXTENTS_UNKNOWN);
    take_error(error, RL_ERROR_UNSUPPORTED, "100");
}

static bool
stop_at_the_second(uint64_t start, uint64_t length, void *data)
{
    int *ranges_left = data;

    (void) start;
    (void) length;
    return --*ranges_left > 0;
}

static void
test_ended_by_the_caller(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    int ranges_left = 2;
    const RlExtentsWish wish = {.length = SIZE, .range = stop_at_the_second, .data = &ranges_left};

    for (uint64_t i = 0; i < 10; i += 2)
        pair_fill(pair.b, 'z', i * BLOCK, BLOCK);
    g_assert_cmpint(rl_extents_compare(pair.a, pair.b, &wish, NULL), ==, RL_EXTENTS_DIFFERENT);
    g_assert_cmpint(ranges_left, ==, 0);
}

static Pair moved;

static RlExtents answered;

static bool
compare_moved(Lab *lab, GError **error)
{
    const RlExtentsWish wish = {.length = MIB};

    (void) lab;
    answered = rl_extents_compare(moved.a, moved.b, &wish, error);
    return answered != RL_EXTENTS_UNKNOWN;
}

static void
test_blocks_that_move(Lab *lab)
{
    /* Calls: each file's flags; then the maps. */
    Disturbance between = {.nr = SYS_ioctl, .first = 4, .count = 1, .before = pair_swap_places};
    GError *error = NULL;

    moved = pair_to_swap(lab);
    uint64_t first_place = pair_place(moved.a);
    g_assert_true(disturb(lab, &between, compare_moved, &error));
    g_assert_no_error(error);
    g_assert_cmpint(pair_place(moved.a), !=, first_place);
    if (pair_place(moved.b) != first_place)
        g_test_message("another file got a's place, so little was shown");
    g_assert_cmpint(answered, ==, RL_EXTENTS_DIFFERENT);
    pair_close(&moved);
}

/* Each second block has data: several maps of extents. */
#define MANY_BLOCKS ((uint64_t) 4200)

static Pair
pair_with_many_extents(Lab *lab)
{
    Pair pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};

    g_assert_cmpint(ftruncate(pair.a, (off_t) (MANY_BLOCKS * BLOCK)), ==, 0);
    for (uint64_t i = 0; i < MANY_BLOCKS; i += 2)
        pair_fill(pair.a, 'x', i * BLOCK, BLOCK);
    g_assert_cmpint(fsync(pair.a), ==, 0);
    pair_make_like(lab, pair.a, pair.b);
    return pair;
}

/* The ranges of the two files @moved that differ. */
static GString *listed;

static bool
list_moved(Lab *lab, GError **error)
{
    const RlExtentsWish wish = {.length = MANY_BLOCKS * BLOCK, .range = add_range, .data = listed};

    (void) lab;
    return rl_extents_compare(moved.a, moved.b, &wish, error) != RL_EXTENTS_UNKNOWN;
}

static int
move_some(Lab *lab)
{
    rl_autofd int elsewhere = lab_open(lab, "c", 0);

    pair_fill(elsewhere, 'x', 3000 * BLOCK, BLOCK);
    pair_move_to(moved.a, elsewhere, 3000 * BLOCK, BLOCK);
    return 0;
}

/* A block in the second of three maps moves before any of the calls. Those are: two for the files'
 * flags, three maps; then on XFS two maps each if nothing moved, on btrfs (6.1) the generation, and
 * two calls for each map. */
static void
test_many_blocks_that_move(Lab *lab)
{
    bool btrfs = strcmp(lab->fs, "btrfs") == 0;
    guint last = btrfs ? 9 : 7; /* that for the second map of b */
    guint least = G_MAXUINT;
    rl_autofd int shares = lab_open(lab, "d", 0); /* so that b's place stays shared */

    moved = pair_with_many_extents(lab);
    for (guint first = 3, made = first; made >= first; first++) {
        Disturbance at = {.nr = SYS_ioctl, .first = first, .count = 1, .before = move_some};
        g_autoptr(GString) found = listed = g_string_new(NULL);
        GError *error = NULL;
        pair_make_like(lab, moved.a, moved.b);
        pair_make_like(lab, moved.a, shares);
        g_assert_true(disturb(lab, &at, list_moved, &error));
        g_assert_no_error(error);
        g_assert_true(strcmp(found->str, "3000+1 ") == 0 || (!*found->str && first > last));
        made = at.made;
        least = MIN(least, made);
    }
    /* With a third reading of each it would be eleven. */
    if (!btrfs && access("/sys/fs/xfs", F_OK) == 0)
        g_assert_cmpuint(least, <, 11);
    pair_close(&moved);
}

/* Whatever is done to them: what is not listed is equal. */
static void
test_random_histories(Lab *lab)
{
    g_autofree char *of_a = g_malloc(SIZE), *of_b = g_malloc(SIZE);

    for (int round = 0; round < 20; round++) {
        g_auto(Pair) pair = pair_new(lab);
        g_autoptr(GArray) differs = g_array_new(FALSE, TRUE, 1);
        for (int i = 0; i < 12; i++) {
            int fd = g_test_rand_bit() ? pair.a : pair.b;
            uint64_t start = (uint64_t) g_test_rand_int_range(0, SIZE - 64 * KIB);
            uint64_t length = (uint64_t) g_test_rand_int_range(1, 64 * KIB);
            switch (g_test_rand_int_range(0, 4)) {
            case 0:
                g_assert_cmpint(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                          (off_t) start, (off_t) length),
                                ==, 0);
                break;
            case 1:
                g_assert_cmpint(fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t) start, (off_t) length),
                                ==, 0);
                break;
            default:
                pair_fill(fd, (char) ('A' + i), start, length);
            }
        }
        g_autofree char *found = ranges(&pair, SIZE);
        g_assert_cmpint(pread(pair.a, of_a, SIZE, 0), ==, SIZE);
        g_assert_cmpint(pread(pair.b, of_b, SIZE, 0), ==, SIZE);
        g_array_set_size(differs, SIZE / BLOCK);
        g_auto(GStrv) list_of = g_strsplit(found, " ", -1);
        for (char **range = list_of; **range; range++) {
            char *length = strchr(*range, '+') + 1;
            memset(differs->data + atoi(*range), 1, (size_t) atoi(length));
        }
        for (uint64_t i = 0; i < SIZE / BLOCK; i++)
            g_assert_true(differs->data[i] ||
                          memcmp(of_a + i * BLOCK, of_b + i * BLOCK, BLOCK) == 0);
    }
}

static bool
compare_first(Lab *lab, GError **error)
{
    g_auto(Pair) pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
    const RlExtentsWish wish = {.length = SIZE};

    return rl_extents_compare(pair.a, pair.b, &wish, error) != RL_EXTENTS_UNKNOWN;
}

/* What fails leaves it open. */
static void
test_failures(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    const RlExtentsWish wish = {.length = SIZE};
    rl_autofd int pipes = open("/dev/null", O_RDONLY | O_CLOEXEC);
    GError *error = NULL;

    for (guint first = 1; first <= 5; first++) {
        Disturbance at = {.nr = SYS_ioctl, .first = first, .count = 1, .code = EIO};
        g_assert_false(disturb(lab, &at, compare_first, &error));
        take_errno(g_steal_pointer(&error), EIO, "cannot & of '");
    }
    g_assert_cmpint(rl_extents_compare(pair.a, -1, &wish, &error), ==, RL_EXTENTS_UNKNOWN);
    take_errno(g_steal_pointer(&error), EBADF, "");
    g_assert_cmpint(rl_extents_compare(pipes, pair.b, &wish, &error), ==, RL_EXTENTS_UNKNOWN);
    take_error(error, RL_ERROR_UNSUPPORTED, "regular");
}

static void
test_elsewhere(Lab *lab)
{
    g_auto(Pair) pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
    const RlExtentsWish wish = {.length = SIZE};
    GError *error = NULL;

    g_assert_cmpint(rl_extents_compare(pair.a, pair.b, &wish, &error), ==, RL_EXTENTS_UNKNOWN);
    take_error(error, RL_ERROR_UNSUPPORTED, "XFS & btrfs");
}

void
add_tests(void)
{
    lab_add_on("/extents/same", SHARING, test_same);
    lab_add_on("/extents/every-change-is-found", SHARING, test_every_change_is_found);
    lab_add_on("/extents/equal-bytes", SHARING, test_equal_bytes);
    lab_add_on("/extents/sizes", SHARING, test_sizes);
    lab_add_on("/extents/preallocation", SHARING, test_preallocation);
    lab_add_on("/extents/compression", "btrfs", test_compression);
    lab_add_on("/extents/small-and-fresh", SHARING, test_small_and_fresh);
    lab_add_on("/extents/many-extents", SHARING, test_many_extents);
    lab_add_on("/extents/ended-by-the-caller", SHARING, test_ended_by_the_caller);
    lab_add_on("/extents/blocks-that-move", SHARING, test_blocks_that_move);
    lab_add_on("/extents/many-blocks-that-move", SHARING, test_many_blocks_that_move);
    lab_add_on("/extents/random-histories", SHARING, test_random_histories);
    lab_add_on("/extents/failures", SHARING, test_failures);
    lab_add_on("/extents/elsewhere", "ext4", test_elsewhere);
}
