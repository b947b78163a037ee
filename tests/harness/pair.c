/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pair.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/fs/reflink.h"

void
pair_close(Pair *pair)
{
    rl_fd_close(&pair->a);
    rl_fd_close(&pair->b);
}

void
pair_fill(int fd, char byte, uint64_t start, uint64_t length)
{
    g_autofree char *data = g_malloc(length);

    memset(data, byte, length);
    g_assert_cmpint(pwrite(fd, data, length, (off_t) start), ==, (gssize) length);
}

void
pair_punch(int fd, uint64_t start, uint64_t length)
{
    g_assert_cmpint(
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) start, (off_t) length),
        ==, 0);
}

void
pair_make_like(Lab *lab, int from, int to)
{
    GError *error = NULL;

    g_assert_cmpint(ftruncate(to, 0), ==, 0);
    g_assert_true(rl_reflink_or_copy(from, to, !lab->reflinks, NULL, &error));
    g_assert_no_error(error);
}

Pair
pair_new(Lab *lab)
{
    Pair pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};

    g_assert_cmpint(ftruncate(pair.a, 0) + ftruncate(pair.a, PAIR_SIZE), ==, 0);
    pair_fill(pair.a, 'x', 0, MIB);
    pair_fill(pair.a, 'y', 2 * MIB, MIB);
    pair_make_like(lab, pair.a, pair.b);
    return pair;
}

uint64_t
pair_place(int fd)
{
    g_autofree struct fiemap *map = g_malloc0(sizeof(struct fiemap) + sizeof(struct fiemap_extent));

    map->fm_length = 4 * KIB;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = 1;
    g_assert_cmpint(ioctl(fd, FS_IOC_FIEMAP, map), ==, 0);
    return map->fm_extents[0].fe_physical;
}

/* Who disturbs a call is given nothing of these. */
static Pair to_swap;
static uint64_t first_place;

Pair
pair_to_swap(Lab *lab)
{
    Pair pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
    rl_autofd int shares = lab_open(lab, "c", 0);

    pair_fill(pair.a, 'a', 0, MIB);
    pair_fill(pair.b, 'b', 0, MIB);
    g_assert_cmpint(fsync(pair.a) + fsync(pair.b), ==, 0);
    pair_make_like(lab, pair.a, shares);
    first_place = pair_place(pair.a);
    to_swap = pair;
    return pair;
}

void
pair_move_to(int fd, int other, uint64_t start, uint64_t length)
{
    g_autofree struct file_dedupe_range *range =
        g_malloc0(sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info));

    range->src_offset = start;
    range->src_length = length;
    range->dest_count = 1;
    range->info[0].dest_fd = fd;
    range->info[0].dest_offset = start;
    g_assert_cmpint(fsync(other), ==, 0);
    g_assert_cmpint(ioctl(other, FIDEDUPERANGE, range), ==, 0);
    g_assert_cmpint(range->info[0].status, ==, FILE_DEDUPE_RANGE_SAME);
}

int
pair_swap_places(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "a2"), *shares = lab_path(lab, "c");
    rl_autofd int a2 = lab_open(lab, "a2", 0);

    g_assert_cmpint(unlink(shares), ==, 0);
    pair_fill(a2, 'a', 0, MIB);
    pair_move_to(to_swap.a, a2, 0, MIB);
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_cmpint(syncfs(to_swap.a), ==, 0);
    for (int i = 0; i < 30; i++) {
        g_autofree char *name = g_strdup_printf("b%d", i);
        rl_autofd int tried = lab_open(lab, name, 0);
        pair_fill(tried, 'b', 0, MIB);
        if (pair_place(tried) != first_place)
            continue;
        pair_move_to(to_swap.b, tried, 0, MIB);
        break;
    }
    return 0;
}
