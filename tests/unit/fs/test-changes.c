/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What changed between two files is found, with and without extents to compare; what did not change
 * is left out where the bytes are compared. */
#include "common/fs/changes.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/reflink.h"
#include "harness/disturb.h"
#include "harness/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#define BLOCK (4 * KIB)
#define SIZE PAIR_SIZE

typedef struct {
    uint64_t start, end; /* in bytes, of a range that may go on */
    GString *text;
    uint64_t bytes;
} Found;

static bool
add_range(uint64_t start, uint64_t length, void *data, GError **error)
{
    Found *found = data;

    (void) error;
    g_assert_cmpint(length, >, 0);
    found->bytes += length;
    g_assert_cmpint(start, >=, found->end);
    if (found->end && found->end == start)
        g_string_truncate(found->text, (gsize) (strrchr(found->text->str, ' ') - found->text->str));
    else
        found->start = start;
    found->end = start + length;
    g_string_append_printf(found->text, " %" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT,
                           found->start / BLOCK, (found->end - found->start + BLOCK - 1) / BLOCK);
    return true;
}

/* The ranges, in blocks, as " START+LENGTH"; owned by the caller. */
static char *
changes(Lab *lab, const Pair *pair, bool exact)
{
    Found found = {.text = g_string_new(NULL)};
    const RlChangesWish wish = {.exact = exact, .range = add_range, .data = &found};
    uint64_t sum = 0;
    const RlChangesWish sum_wish = {.exact = exact, .range = rl_changes_add_up, .data = &sum};
    GError *error = NULL;
    bool by_bytes;

    g_assert_true(rl_changes_find(pair->a, pair->b, &sum_wish, &by_bytes, &error));
    g_assert_true(rl_changes_find(pair->a, pair->b, &wish, &by_bytes, &error));
    g_assert_cmpuint(sum, ==, found.bytes);
    g_assert_no_error(error);
    g_assert_true(by_bytes == !lab->reflinks);
    return g_string_free(found.text, FALSE);
}

#define assert_changes(lab, pair, wanted)                   \
    do {                                                    \
        g_autofree char *found_ = changes(lab, pair, true); \
        g_assert_cmpstr(found_, ==, wanted);                \
    } while (0)

static void
test_exact(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    const Pair itself = {pair.a, pair.a};

    assert_changes(lab, &pair, "");
    if (lab->reflinks)
        assert_changes(lab, &itself, "");
    pair_fill(pair.b, 'z', 10 * BLOCK + 5, 1);
    pair_fill(pair.b, 'z', 600 * BLOCK, 300 * BLOCK); /* more than is compared at a time */
    pair_fill(pair.b, 'z', SIZE - 1, 1);
    assert_changes(lab, &pair, " 10+1 600+300 1023+1");
    pair_fill(pair.b, 'x', 10 * BLOCK + 5, 1); /* the same bytes again, in another place */
    pair_punch(pair.b, 20 * BLOCK, BLOCK);
    pair_fill(pair.b, '\0', MIB, MIB); /* zeros for a hole */
    assert_changes(lab, &pair, " 20+1 600+300 1023+1");
}

static void
test_by_extents_alone(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);

    pair_fill(pair.b, 'x', 10 * BLOCK, BLOCK); /* equal */
    pair_fill(pair.b, 'z', 20 * BLOCK, BLOCK);
    g_autofree char *found = changes(lab, &pair, false);
    g_assert_cmpstr(found, ==, lab->reflinks ? " 10+1 20+1" : " 20+1");
}

/* Who wants that gets no answer where it would take reading. */
static void
test_never_by_bytes(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    Found found = {.text = g_string_new(NULL)};
    const RlChangesWish wish = {.by_extents = true, .range = add_range, .data = &found};
    g_autoptr(GError) error = NULL;
    bool by_bytes = false;

    pair_fill(pair.b, 'z', 20 * BLOCK, BLOCK);
    g_assert_true(rl_changes_find(pair.a, pair.b, &wish, &by_bytes, &error) == lab->reflinks);
    g_assert_false(by_bytes);
    if (!lab->reflinks)
        g_assert_error(error, RL_ERROR, RL_ERROR_UNSUPPORTED);
    g_assert_cmpstr(found.text->str, ==, lab->reflinks ? " 20+1" : "");
    g_string_free(found.text, TRUE);
}

static void
test_sizes(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);

    /* Longer by a hole, by data, and shorter. */
    g_assert_cmpint(ftruncate(pair.b, SIZE + MIB), ==, 0);
    assert_changes(lab, &pair, "");
    pair_fill(pair.b, 'z', SIZE + 100 * BLOCK, BLOCK);
    pair_fill(pair.b, 'z', SIZE + MIB, 10);
    assert_changes(lab, &pair, " 1124+1 1280+1");
    g_autofree char *found = changes(lab, &pair, false);
    g_assert_nonnull(strstr(found, "1124+1"));
    g_assert_nonnull(strstr(found, "1280+1"));
    g_assert_cmpint(ftruncate(pair.b, 100 * BLOCK), ==, 0);
    assert_changes(lab, &pair, "");

    /* The old one ends within a block of data, behind which the new one has something else. */
    g_assert_cmpint(ftruncate(pair.a, 100 * BLOCK + 10), ==, 0);
    pair_make_like(lab, pair.a, pair.b);
    assert_changes(lab, &pair, "");
    g_assert_cmpint(ftruncate(pair.b, 110 * BLOCK), ==, 0);
    assert_changes(lab, &pair, "");
    pair_fill(pair.b, 'z', 100 * BLOCK + 20, 1);
    assert_changes(lab, &pair, " 100+1");
    g_assert_cmpint(ftruncate(pair.a, 0), ==, 0);
    assert_changes(lab, &pair, " 0+101");
}

/* Where an extent says nothing of the data in it the bytes do. */
static void
test_compression(Lab *lab)
{
    g_auto(Pair) pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
    int flags = FS_COMPR_FL;

    g_assert_cmpint(ioctl(pair.a, FS_IOC_SETFLAGS, &flags), ==, 0);
    pair_fill(pair.a, 'x', 0, MIB);
    pair_make_like(lab, pair.a, pair.b);
    g_autofree char *found = changes(lab, &pair, false);
    g_assert_cmpstr(found, ==, " 0+256");
    assert_changes(lab, &pair, "");
    pair_fill(pair.b, 'z', 7 * BLOCK, BLOCK);
    assert_changes(lab, &pair, " 7+1");
}

static bool
refuse(uint64_t start, uint64_t length, void *data, GError **error)
{
    int *calls = data;

    (void) start;
    (void) length;
    ++*calls;
    return rl_fail(error, RL_ERROR_BUSY, "enough");
}

static void
test_ended_by_the_caller(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    int calls = 0;
    const RlChangesWish wish = {.range = refuse, .data = &calls};
    GError *error = NULL;
    bool by_bytes;

    pair_fill(pair.b, 'z', 0, BLOCK);
    pair_fill(pair.b, 'z', 10 * BLOCK, BLOCK);
    g_assert_false(rl_changes_find(pair.a, pair.b, &wish, &by_bytes, &error));
    take_error(error, RL_ERROR_BUSY, "enough");
    g_assert_cmpint(calls, ==, 1);
}

static void
test_no_files(Lab *lab)
{
    g_auto(Pair) pair = pair_new(lab);
    rl_autofd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const RlChangesWish wish = {.range = add_range};
    GError *error = NULL;
    bool by_bytes;

    g_assert_false(rl_changes_find(pair.a, null, &wish, &by_bytes, &error));
    take_errno(g_steal_pointer(&error), EINVAL, "regular");
    g_assert_false(rl_changes_find(-1, pair.b, &wish, &by_bytes, &error));
    take_errno(error, EBADF, "examine");
}

static bool
find_exactly(Lab *lab, GError **error)
{
    g_auto(Pair) pair = {lab_open(lab, "a", 0), lab_open(lab, "b", 0)};
    Found found = {.text = g_string_new(NULL)};
    const RlChangesWish wish = {.exact = true, .range = add_range, .data = &found};
    bool by_bytes;
    bool done = rl_changes_find(pair.a, pair.b, &wish, &by_bytes, error);

    if (done)
        g_assert_cmpstr(found.text->str, ==, " 5+1 1023+1");
    g_string_free(found.text, TRUE);
    return done;
}

/* What fails is an error; what is only interrupted goes on. */
static void
test_failures(Lab *lab)
{
    const long calls[] = {SYS_ioctl, SYS_pread64, SYS_fstat, SYS_newfstatat, SYS_fstatfs};

    {
        g_auto(Pair) pair = pair_new(lab);
        pair_fill(pair.b, 'z', 5 * BLOCK, BLOCK);
        pair_fill(pair.b, 'z', SIZE - 1, 1);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        for (guint first = 0, made = 0; made >= first;) {
            Disturbance at = {.nr = calls[i], .first = ++first, .count = 1, .code = EIO};
            g_autoptr(GError) error = NULL;
            bool done = disturb(lab, &at, find_exactly, &error);
            g_assert_true(done == !error);
            g_assert_true(done == (at.made < first) || calls[i] == SYS_ioctl);
            made = at.made;
        }
}

void
add_tests(void)
{
    lab_add("/changes/exact", test_exact);
    lab_add("/changes/by-extents-alone", test_by_extents_alone);
    lab_add("/changes/never-by-bytes", test_never_by_bytes);
    lab_add("/changes/sizes", test_sizes);
    lab_add_on("/changes/compression", "btrfs", test_compression);
    lab_add("/changes/ended-by-the-caller", test_ended_by_the_caller);
    lab_add("/changes/no-files", test_no_files);
    lab_add("/changes/failures", test_failures);
}
