/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* What is small, and nobody else's, is found and comes to lie in one piece; all else stays. */
#include "common/fs/defragment-copy.h"

#include "common/base/autofd.h"
#include "common/fs/fragmentation.h"
#include "common/fs/reflink.h"
#include "harness/lab.h"
#include "harness/scatter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK ((uint64_t) SCATTER_BLOCK)

static void
fill(int fd, uint64_t start, uint64_t length)
{
    g_autofree char *data = g_malloc(length);

    for (uint64_t i = 0; i < length; i++)
        data[i] = (char) ((start + i) / 512 * 7 + i);
    g_assert_cmpint(pwrite(fd, data, length, (off_t) start), ==, (gssize) length);
    g_assert_cmpint(fsync(fd), ==, 0);
}

static void
scatter_it(int fd, uint64_t start, uint64_t length)
{
    GError *error = NULL;

    scatter(fd, start, length, &error);
    g_assert_no_error(error);
}

static void
plan_of(int fd, uint64_t limit, bool unshare, RlDefragmentPlan *plan)
{
    const RlDefragmentRule rule = {.limit = limit, .unshare = unshare};
    GError *error = NULL;

    g_assert_true(rl_defragment_plan(fd, &rule, NULL, plan, &error));
    g_assert_no_error(error);
}

static void
assert_range(const RlDefragmentPlan *plan, guint index, uint64_t start, uint64_t end)
{
    const RlDefragmentRange *range = &g_array_index(plan->ranges, RlDefragmentRange, index);

    g_assert_cmpint(index, <, plan->ranges->len);
    g_assert_cmpint(range->start, ==, start);
    g_assert_cmpint(range->end, ==, end);
}

static void
test_whole(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);

    fill(fd, 0, MIB);
    g_auto(RlDefragmentPlan) none = {0};
    plan_of(fd, 64 * KIB, false, &none);
    g_assert_cmpint(none.ranges->len + none.bytes + none.left, ==, 0);
}

static void
test_holes_end_a_range(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);

    fill(fd, 0, 32 * BLOCK);
    fill(fd, 64 * BLOCK, 32 * BLOCK);
    fill(fd, 128 * BLOCK, BLOCK); /* it has no neighbour */
    scatter_it(fd, 0, 129 * BLOCK);
    g_assert_cmpint(scatter_count(fd), >=, 65); /* XFS: and what it has ready behind the end */
    g_auto(RlDefragmentPlan) plan = {0};
    plan_of(fd, MIB, false, &plan);
    g_assert_cmpint(plan.ranges->len, ==, 2);
    assert_range(&plan, 0, 0, 32 * BLOCK);
    assert_range(&plan, 1, 64 * BLOCK, 96 * BLOCK);
    g_assert_cmpint(plan.extents, ==, scatter_count(fd));
    g_assert_cmpint(plan.pieces, ==, 64);
    g_assert_cmpint(plan.bytes, ==, 64 * BLOCK);
    g_assert_cmpint(plan.shared + plan.left, ==, 0);
}

static void
test_large_ones_stay(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);

    fill(fd, 0, MIB);
    scatter_it(fd, 64 * BLOCK, 32 * BLOCK);
    g_auto(RlDefragmentPlan) plan = {0}, all = {0};
    plan_of(fd, 32 * BLOCK, false, &plan);
    g_assert_cmpint(plan.ranges->len, ==, 1);
    assert_range(&plan, 0, 64 * BLOCK, 96 * BLOCK);
    plan_of(fd, 2 * MIB, false, &all);
    g_assert_cmpint(all.ranges->len, ==, 1);
    assert_range(&all, 0, 0, MIB);
}

static void
test_shared_ones_stay(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0), other = lab_open(lab, "b", 0);

    fill(fd, 0, 64 * BLOCK);
    scatter_it(fd, 0, 64 * BLOCK);
    g_assert_true(rl_reflink(fd, other, NULL));
    scatter_it(fd, 16 * BLOCK, 32 * BLOCK);
    g_auto(RlDefragmentPlan) plan = {0}, all = {0};
    plan_of(fd, MIB, false, &plan);
    g_assert_cmpint(plan.ranges->len, ==, 1);
    assert_range(&plan, 0, 16 * BLOCK, 48 * BLOCK);
    g_assert_cmpint(plan.shared, ==, 0);
    g_assert_cmpint(plan.left, ==, 32);
    plan_of(fd, MIB, true, &all);
    assert_range(&all, 0, 0, 64 * BLOCK);
    g_assert_cmpint(all.shared, ==, 32 * BLOCK);
    g_assert_cmpint(all.left, ==, 0);
}

static void
test_what_says_no_place_stays(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0);

    for (uint64_t at = 0; at < 32 * BLOCK; at += 2 * BLOCK)
        fill(fd, at, BLOCK);
    /* Not written yet, and behind the end. */
    g_assert_cmpint(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 64 * (off_t) BLOCK), ==, 0);
    g_auto(RlDefragmentPlan) plan = {0};
    plan_of(fd, MIB, true, &plan);
    g_assert_cmpint(plan.ranges->len, ==, 0);
}

static void
copy(int from, int to, const RlDefragmentPlan *plan)
{
    const RlDefragmentCopy wish = {.plan = plan};
    GError *error = NULL;

    rl_defragment_copy(&wish, from, to, &error);
    g_assert_no_error(error);
}

static void
assert_same(int a, int b, uint64_t size)
{
    g_autofree char *one = g_malloc(size), *other = g_malloc(size);

    g_assert_cmpint(pread(a, one, size, 0), ==, (gssize) size);
    g_assert_cmpint(pread(b, other, size, 0), ==, (gssize) size);
    g_assert_cmpint(memcmp(one, other, size), ==, 0);
}

static void
test_copy(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0), to = lab_open(lab, "b", 0);
    RlFragmentation found;

    fill(fd, 0, MIB + 1000); /* ends within a block */
    fill(fd, 2 * MIB, MIB);
    scatter_it(fd, 64 * BLOCK, 128 * BLOCK);
    scatter_it(fd, 2 * MIB, MIB);
    uint64_t before = scatter_count(fd);
    g_assert_cmpint(before, >=, 384);
    g_auto(RlDefragmentPlan) plan = {0};
    plan_of(fd, 64 * BLOCK, false, &plan);
    g_assert_true(rl_reflink(fd, to, NULL));
    copy(fd, to, &plan);
    assert_same(fd, to, 3 * MIB);
    g_assert_cmpint(scatter_count(to), <=, 8);
    g_assert_true(rl_fragmentation_get(to, NULL, &found, NULL));
    g_assert_cmpint(found.allocated - found.shared, ==, plan.bytes);
}

/* The last block is the file's in part only. */
static void
test_copy_tail(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0), to = lab_open(lab, "b", 0);

    fill(fd, 0, 16 * BLOCK);
    scatter_it(fd, 0, 16 * BLOCK);
    g_assert_cmpint(ftruncate(fd, 15 * (off_t) BLOCK + 512), ==, 0);
    g_assert_cmpint(fsync(fd), ==, 0);
    g_auto(RlDefragmentPlan) plan = {0};
    plan_of(fd, MIB, false, &plan);
    g_assert_cmpint(plan.ranges->len, ==, 1);
    g_assert_true(rl_reflink(fd, to, NULL));
    copy(fd, to, &plan);
    assert_same(fd, to, 15 * BLOCK + 512);
    g_assert_cmpint(lseek(to, 0, SEEK_END), ==, 15 * BLOCK + 512);
}

typedef struct {
    int to;
    uint64_t bytes;
} Damage;

/* When all is copied, a byte changes. */
static void
damage(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    const Damage *it = data;

    (void) size, (void) moved;
    if (at == it->bytes)
        g_assert_cmpint(pwrite(it->to, "!", 1, 5000), ==, 1);
}

static void
test_damage_is_found(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0), to = lab_open(lab, "b", 0);
    GError *error = NULL;

    fill(fd, 0, 64 * BLOCK);
    scatter_it(fd, 0, 64 * BLOCK);
    g_auto(RlDefragmentPlan) plan = {0};
    plan_of(fd, MIB, false, &plan);
    g_assert_true(rl_reflink(fd, to, NULL));
    Damage it = {to, plan.bytes};
    const RlDefragmentCopy wish = {.plan = &plan, .progress = {damage, &it}};
    g_assert_false(rl_defragment_copy(&wish, fd, to, &error));
    take_errno(error, EIO, "differs");
}

static bool
never(void *data)
{
    (void) data;
    return false;
}

static void
test_interrupted(Lab *lab)
{
    rl_autofd int fd = lab_open(lab, "a", 0), to = lab_open(lab, "b", 0);
    GError *error = NULL;

    fill(fd, 0, 40 * MIB);
    scatter_it(fd, 0, BLOCK);
    const RlDefragmentRange range = {0, 40 * MIB};
    g_auto(RlDefragmentPlan)
        plan = {.ranges = g_array_new(FALSE, FALSE, sizeof(RlDefragmentRange)), .bytes = 40 * MIB};
    g_array_append_val(plan.ranges, range);
    g_assert_true(rl_reflink(fd, to, NULL));
    const RlDefragmentCopy wish = {.plan = &plan, .go_on = never};
    g_assert_false(rl_defragment_copy(&wish, fd, to, &error));
    take_errno(error, ECANCELED, "interrupted");
}

void
add_tests(void)
{
    lab_add_on("/defragment/whole", "xfs btrfs", test_whole);
    lab_add_on("/defragment/holes-end-a-range", "xfs btrfs", test_holes_end_a_range);
    lab_add_on("/defragment/large-ones-stay", "xfs btrfs", test_large_ones_stay);
    lab_add_on("/defragment/shared-ones-stay", "xfs btrfs", test_shared_ones_stay);
    lab_add_on("/defragment/what-says-no-place-stays", "xfs btrfs", test_what_says_no_place_stays);
    lab_add_on("/defragment/copy", "xfs btrfs", test_copy);
    lab_add_on("/defragment/copy-tail", "xfs btrfs", test_copy_tail);
    lab_add_on("/defragment/damage-is-found", "xfs btrfs", test_damage_is_found);
    lab_add_on("/defragment/interrupted", "xfs btrfs", test_interrupted);
}
