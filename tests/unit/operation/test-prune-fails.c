/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Revisions that pruning must leave alone: what is in doubt, in use or under way stays, and what
 * goes is named. */
#include "common/operation/prune.h"

#include "common/base/autofd.h"
#include "common/format/highest-note.h"
#include "common/fs/xattr.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define V "vm/disk"
#define OF_2018 "@2018-01-02T05:06:07Z"

static RlPruneRule rule;
static GPtrArray *dropped;

ATTEMPT(prune, rl_volume_prune_by(lab->pool, V, &rule, dropped, error))
ATTEMPT(tidy, rl_volume_tidy(lab->pool, V, error))

/* Keeps the one with the highest number. */
static void
get_ready(void)
{
    rule = (RlPruneRule){.keep = {.newest = 1}, .before_us = G_MAXINT64};
    g_clear_pointer(&dropped, g_ptr_array_unref);
    dropped = g_ptr_array_new_with_free_func(g_free);
}

static void
make_history(Lab *lab)
{
    lab_options(lab, 9);
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two");
    lab_run(lab, V, "three");
    lab_run(lab, V, "four");
    get_ready();
}

static char *
names(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < dropped->len; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "",
                               (const char *) g_ptr_array_index(dropped, i));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
prunes(Lab *lab, const char *wanted, const char *left)
{
    GError *error = NULL;

    get_ready();
    g_assert_true(prune(lab, &error));
    g_assert_no_error(error);
    g_autofree char *said = names();
    g_assert_cmpstr(said, ==, wanted);
    assert_revisions(lab, V, left);
}

/* --- calls that fail */

/* Those that are gone are those that it named, and the newest is none of them; then all are there
 * again. */
static void
check_and_restore(Lab *lab)
{
    g_autofree char *left = revisions(lab, V);
    g_auto(GStrv) numbers = g_strsplit(left, " ", -1);

    g_assert_true(g_strv_contains((const char *const *) numbers, "3"));
    for (int i = 1; i <= 2; i++) {
        g_autofree char *number = g_strdup_printf("%d", i), *name = g_strdup_printf(V "@%d", i),
                        *file = g_strdup_printf("vm/disk.img.%d" OF_2018, i);
        bool there = g_strv_contains((const char *const *) numbers, number);
        g_assert_cmpint(there, !=,
                        g_ptr_array_find_with_equal_func(dropped, name, g_str_equal, NULL));
        g_autofree char *path = lab_path(lab, file);
        if (there)
            continue;
        make_file(path, "again");
        set_mtime(path, 1514869567, i);
    }
    image_is(lab, V, RL_FILE_CLEAN, "four");
}

static void
test_every_call(Lab *lab)
{
    guint failures = 0;

    make_history(lab);
    for (guint first = 0, made = 0; made >= first;) {
        Disturbance at = {.first = ++first, .count = 1, .code = EIO};
        g_autoptr(GError) error = NULL;
        get_ready();
        bool done = disturb(lab, &at, prune, &error);
        g_assert_true(done == !error);
        failures += !done;
        made = at.made;
        check_and_restore(lab);
    }
    g_assert_cmpuint(failures, >, 0);
    prunes(lab, V "@2 " V "@1", "3");
}

static void
fails_from(Lab *lab, Attempt attempt, long nr, guint first, const char *words)
{
    Disturbance at = {.nr = nr, .first = first, .code = EIO};
    GError *error = NULL;

    get_ready();
    g_assert_false(disturb(lab, &at, attempt, &error));
    take_errno(error, EIO, words);
    g_assert_cmpuint(dropped->len, ==, 0);
    assert_revisions(lab, V, "1 2 3");
}

static void
test_messages(Lab *lab)
{
    make_history(lab);
    lab_options(lab, 1);
    fails_from(lab, prune, SYS_flock, 1, V " & lock");
    fails_from(lab, tidy, SYS_flock, 1, V " & lock");
    fails_from(lab, prune, SYS_getdents64, 1, "cannot read all of directory");
    fails_from(lab, tidy, SYS_getdents64, 1, "cannot read all of directory");
    /* The first one is that of the pool. */
    fails_from(lab, prune, SYS_fgetxattr, 2, "attribute & highest");
    fails_from(lab, tidy, SYS_fgetxattr, 2, "attribute & highest");
    fails_from(lab, tidy, SYS_renameat, 1, V " & disk.img.2@");
}

/* All names are as they are to be, but a power cut may bring the old ones back. */
static void
test_not_durable(Lab *lab)
{
    Disturbance at = {.nr = SYS_fsync, .first = 1, .code = EIO};
    GError *error = NULL;

    make_history(lab);
    g_assert_false(disturb(lab, &at, prune, &error));
    take_errno(error, EIO, "cannot sync");
    assert_revisions(lab, V, "3");
}

/* A domain may read it, so it stays; nobody can tell. */
static void
test_doubts(Lab *lab)
{
    Disturbance at = {.nr = SYS_lgetxattr, .first = 1, .code = EIO};
    GError *error = NULL;

    make_history(lab);
    g_assert_true(disturb(lab, &at, prune, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(dropped->len, ==, 0);
    assert_revisions(lab, V, "1 2 3");
    prunes(lab, V "@2 " V "@1", "3");
}

/* --- revisions in use */

static void
test_in_use(Lab *lab)
{
    make_history(lab);
    g_autofree char *one = revision_path(lab, V, "1"), *two = revision_path(lab, V, "2");
    rl_autofd int reader = open(one, O_RDONLY | O_CLOEXEC), layer = open(two, O_RDONLY | O_CLOEXEC);

    g_assert_true(rl_xattr_set(layer, RL_ATTR_LAYER, "1", NULL));
    prunes(lab, "", "1 2 3");
    rl_fd_close(&layer);
    prunes(lab, "", "1 2 3");
    rl_fd_close(&reader);
    prunes(lab, V "@1", "2 3");
}

/* A commit is under way, or was cut off: its revision is the clean image itself. */
static void
test_linked(Lab *lab)
{
    make_history(lab);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN),
                    *made = lab_path(lab, "vm/disk.img.4" OF_2018);

    g_assert_cmpint(link(clean, made), ==, 0);
    prunes(lab, V "@2 " V "@1", "3 4");
    image_is(lab, V, RL_FILE_CLEAN, "four");
}

/* Of one date the higher number is the newer one. */
static void
test_same_dates(Lab *lab)
{
    make_history(lab);
    for (int i = 1; i <= 3; i++) {
        g_autofree char *number = g_strdup_printf("%d", i);
        g_autofree char *path = revision_path(lab, V, number);
        set_mtime(path, 1000000, i == 2 ? 2 : 1);
    }
    /* By number 3, by date 2. */
    prunes(lab, V "@1", "2 3");
    g_autofree char *two = revision_path(lab, V, "2");
    set_mtime(two, 1000000, 1);
    prunes(lab, V "@2", "3");
}

/* --- revisions that were put back */

static void
put_back(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "vm/disk.img.9" OF_2018);

    make_file(path, "back");
}

static uint64_t
highest(Lab *lab)
{
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    uint64_t number;
    bool sure;

    g_assert_true(rl_highest_get(fd, &number, &sure, NULL));
    return number;
}

/* That number cannot be noted: nothing goes, by a number that says nothing of its age. */
static void
test_put_back_fails(Lab *lab)
{
    static const struct {
        long nr;
        const char *words;
    } calls[] = {{SYS_fsetxattr, "attribute & highest"}, {SYS_fsync, V " & newest revision"}};

    make_history(lab);
    put_back(lab);
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        Disturbance at = {.nr = calls[i].nr, .first = 1, .code = EIO};
        GError *error = NULL;
        get_ready();
        g_assert_false(disturb(lab, &at, prune, &error));
        take_errno(error, EIO, calls[i].words);
        g_assert_cmpuint(dropped->len, ==, 0);
        assert_revisions(lab, V, "1 2 3 9");
    }
    g_assert_cmpuint(highest(lab), ==, 9);
}

/* Of a clean image that knows no highest number the names are all that counts. */
static void
test_no_highest(Lab *lab)
{
    make_history(lab);
    put_back(lab);
    {
        rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
        g_assert_true(rl_highest_clear(fd, NULL));
    }
    GError *error = NULL;
    lab_options(lab, 1);
    g_assert_true(tidy(lab, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "9");
}

/* --- volumes that have nothing to prune */

static void
test_none(Lab *lab)
{
    GError *error = NULL;

    get_ready();
    g_assert_false(prune(lab, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NOT_FOUND, V);
    g_assert_false(rl_volume_tidy(lab->pool, "../x", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_NAME, "..");
    lab_create(lab, V, "one", MIB);
    prunes(lab, "", "");
    g_assert_true(tidy(lab, &error));
    g_assert_no_error(error);
}

/* A direct one has none of its own: what has such a name stays. */
static void
test_other_kind(Lab *lab)
{
    GError *error = NULL;

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    put_back(lab);
    prunes(lab, "", "9");
    lab_options(lab, 0);
    g_assert_true(tidy(lab, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "9");
}

/* The clean image is lost: the revisions are all there is. */
static void
test_no_clean(Lab *lab)
{
    GError *error = NULL;

    make_history(lab);
    lab_start(lab, V, &alice);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_assert_cmpint(unlink(clean), ==, 0);
    prunes(lab, "", "1 2 3");
    lab_options(lab, 0);
    g_assert_true(tidy(lab, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "1 2 3");
}

void
add_tests(void)
{
    lab_add_on("/prune-fails/every-call", "xfs btrfs", test_every_call);
    lab_add("/prune-fails/messages", test_messages);
    lab_add("/prune-fails/not-durable", test_not_durable);
    lab_add("/prune-fails/doubts", test_doubts);
    lab_add("/prune-fails/in-use", test_in_use);
    lab_add("/prune-fails/linked", test_linked);
    lab_add("/prune-fails/same-dates", test_same_dates);
    lab_add("/prune-fails/put-back-fails", test_put_back_fails);
    lab_add("/prune-fails/no-highest", test_no_highest);
    lab_add("/prune-fails/none", test_none);
    lab_add("/prune-fails/other-kind", test_other_kind);
    lab_add("/prune-fails/no-clean", test_no_clean);
}
