/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What an administrator prunes, and what is made from a volume at a command. */
#include "common/operation/prune.h"

#include "common/base/autofd.h"
#include "common/format/highest-note.h"
#include "common/fs/xattr.h"
#include "common/operation/clone.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <unistd.h>

#define V "vm/disk"

static void
prune(Lab *lab, RlPruneRule rule, const char *wanted, const char *left)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *before = revisions(lab, V), *after = NULL;
    GError *error = NULL;

    rule.dry_run = true;
    g_assert_true(rl_volume_prune_by(lab->pool, V, &rule, names, &error));
    g_assert_no_error(error);
    g_autofree char *unchanged = revisions(lab, V);
    g_assert_cmpstr(unchanged, ==, before);
    rule.dry_run = false;
    g_ptr_array_set_size(names, 0);
    g_assert_true(rl_volume_prune_by(lab->pool, V, &rule, names, &error));
    g_assert_no_error(error);
    g_ptr_array_add(names, NULL);
    g_autofree char *said = g_strjoinv(" ", (char **) names->pdata);
    g_assert_cmpstr(said, ==, wanted);
    after = revisions(lab, V);
    g_assert_cmpstr(after, ==, left);
}

static RlStagedImage *
make(Lab *lab, const char *to, const char *from, GError **error)
{
    return rl_clone_make(lab_pool(lab), to, from, error);
}

static void
make_or_die(Lab *lab, const char *to, const char *from)
{
    GError *error = NULL;
    g_autoptr(RlStagedImage) draft = make(lab, to, from, &error);

    g_assert_no_error(error);
    g_assert_nonnull(draft);
}

/* Four revisions and a named one. */
static void
make_history(Lab *lab)
{
    lab_options(lab, 9);
    lab_create(lab, V, "one", 1 * MIB);
    lab_run(lab, V, "two");
    lab_run(lab, V, "three");
    lab_run(lab, V, "four");
    lab_run(lab, V, "five");
    make_or_die(lab, V "@named", V);
}

static void
test_keep(Lab *lab)
{
    make_history(lab);
    prune(lab, (RlPruneRule){.keep = {.newest = 4}, .before_us = G_MAXINT64}, "", "1 2 3 4 named");
    prune(lab, (RlPruneRule){.keep = {.newest = 3}, .before_us = G_MAXINT64}, V "@1",
          "2 3 4 named");
    prune(lab, (RlPruneRule){.keep = {.newest = 0}, .before_us = G_MAXINT64},
          V "@4 " V "@3 " V "@2", "named");
}

static void
test_age(Lab *lab)
{
    gint64 now = g_get_real_time();

    make_history(lab);
    prune(lab, (RlPruneRule){.keep = {.newest = 0}, .before_us = now - 60 * G_USEC_PER_SEC}, "",
          "1 2 3 4 named");
    prune(lab, (RlPruneRule){.keep = {.newest = 2}, .before_us = now + 60 * G_USEC_PER_SEC},
          V "@2 " V "@1", "3 4 named");
}

/* A state for each of the last days and weeks. */
static void
test_retention(void)
{
    static const struct {
        const char *date; /* from the newest on */
        bool newest, hourly, daily, weekly;
    } states[] = {
        {"2026-11-30T18:50:00Z", true, true, true, true}, /* a Monday */
        {"2026-11-30T18:10:00Z", true, false, false, false},
        {"2026-11-30T09:00:00Z", false, true, false, false},
        {"2026-11-29T23:00:00Z", false, true, true, true}, /* a Sunday */
        {"2026-11-29T22:00:00Z", false, false, false, false},
        {"2026-11-27T12:00:00Z", false, false, true, false},
        {"2026-11-22T12:00:00Z", false, false, false, true},
        {"2026-01-01T12:00:00Z", false, false, false, false},
    };
    RlRetentionWalk newest = {.left = {.newest = 2}}, hourly = {.left = {.hourly = 3}},
                    daily = {.left = {.daily = 3}}, weekly = {.left = {.weekly = 3}},
                    none = {.left = {0}};

    for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
        g_autoptr(GDateTime) date = g_date_time_new_from_iso8601(states[i].date, utc);
        gint64 when = g_date_time_to_unix(date);
        g_test_message("%s", states[i].date);
        g_assert_cmpint(rl_retention_keeps(&newest, when), ==, states[i].newest);
        g_assert_cmpint(rl_retention_keeps(&hourly, when), ==, states[i].hourly);
        g_assert_cmpint(rl_retention_keeps(&daily, when), ==, states[i].daily);
        g_assert_cmpint(rl_retention_keeps(&weekly, when), ==, states[i].weekly);
        g_assert_false(rl_retention_keeps(&none, when));
    }
    /* No calendar has these, and they are kept for nothing. */
    g_assert_false(rl_retention_keeps(&none, G_MAXINT64));
    g_assert_false(rl_retention_keeps(&none, G_MININT64));
    newest = (RlRetentionWalk){.left = {.newest = 1}};
    g_assert_true(rl_retention_keeps(&newest, G_MAXINT64));
    g_assert_false(rl_retention_keeps(&newest, G_MAXINT64));
}

static void
test_daily(Lab *lab)
{
    make_history(lab);
    for (int i = 1; i <= 4; i++) {
        g_autofree char *vm = lab_path(lab, "vm"), *prefix = g_strdup_printf("disk.img.%d@", i);
        g_autoptr(GDir) entries = g_dir_open(vm, 0, NULL);
        const char *file;
        while ((file = g_dir_read_name(entries)))
            if (g_str_has_prefix(file, prefix)) {
                g_autofree char *path = g_build_filename(vm, file, NULL);
                set_mtime(path, 1000000 + i / 3 * 100000, 0); /* 1 and 2, 3 and 4 */
            }
    }
    prune(lab, (RlPruneRule){.keep = {.daily = 7}, .before_us = G_MAXINT64}, V "@3 " V "@1",
          "2 4 named");
}

/* The same as a policy of the pool, after each commit. */
static void
test_options_by_time(Lab *lab)
{
    lab_options(lab, 9);
    make_history(lab);
    for (int i = 1; i <= 4; i++) {
        g_autofree char *number = g_strdup_printf("%d", i);
        g_autofree char *path = revision_path(lab, V, number);
        set_mtime(path, 1000000 + i / 3 * 100000, 0); /* 1 and 2, 3 and 4 */
    }
    lab_options(lab, 1);
    ((RlOptions *) lab->pool->options)->keep.daily = 2;
    GError *error = NULL;
    g_assert_true(rl_volume_tidy(lab->pool, V, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "2 4 named");
    /* A rule that speaks of it speaks of all. */
    rl_options_add_rule((RlOptions *) lab->pool->options, V, 1, -1);
    g_assert_true(rl_volume_tidy(lab->pool, V, &error));
    assert_revisions(lab, V, "4 named");
}

/* The revision @number was last written to at @written, and became a clean image at @clean. */
static void
set_dates(Lab *lab, int number, gint64 written, gint64 clean)
{
    g_autofree char *text = g_strdup_printf("%d", number), *path = revision_path(lab, V, text);
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

    g_assert_true(
        rl_xattr_set_number(fd, RL_ATTR_CLEAN_SINCE, (uint64_t) clean * G_USEC_PER_SEC, NULL));
    set_mtime(path, written, 0);
}

#define DAY G_GINT64_CONSTANT(86400)
#define TODAY (20000 * DAY)

/* Four days are to be kept, of six states. */
static void
tidy_days(Lab *lab, const char *left)
{
    GError *error = NULL;

    lab_options(lab, 1);
    ((RlOptions *) lab->pool->options)->keep.daily = 4;
    g_assert_true(rl_volume_tidy(lab->pool, V, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, left);
}

static void
make_days(Lab *lab)
{
    lab_options(lab, 9);
    lab_create(lab, V, "state", MIB);
    for (int number = 1; number <= 6; number++)
        lab_run(lab, V, "state");
    for (int number = 1; number <= 3; number++) {
        gint64 day = TODAY - (4 - number) * DAY;
        set_dates(lab, number, day, day + 60);
    }
}

/* The runs of one evening are dated by their device model as of days to come, of days on which the
 * volume had none, and of those that no calendar has: the states of the days before stay. */
static void
test_dates_to_come(Lab *lab)
{
    make_days(lab);
    for (int i = 1; i <= 3; i++)
        set_dates(lab, 3 + i, TODAY + i * DAY, TODAY + i);
    tidy_days(lab, "1 2 3 6");
}

static void
test_dates_gone_by(Lab *lab)
{
    make_days(lab);
    for (int i = 1; i <= 3; i++)
        set_dates(lab, 3 + i, TODAY - i * 100 * DAY, TODAY + i);
    /* So many more are kept for it as there are to be. */
    tidy_days(lab, "1 2 3 4 5 6");
}

static void
test_dates_beyond(Lab *lab)
{
    make_days(lab);
    for (int i = 1; i <= 3; i++)
        set_dates(lab, 3 + i, G_MAXINT64 - i, TODAY + i);
    tidy_days(lab, "1 2 3 6");
    prune(lab, (RlPruneRule){.keep = {.newest = 0}, .before_us = G_MAXINT64},
          V "@6 " V "@3 " V "@2 " V "@1", "");
}

/* Since a rename of the volume, or the receipt of all its states, the date that the device model
 * cannot choose is the same for all. */
static void
test_dates_of_rename(Lab *lab)
{
    make_days(lab);
    for (int number = 1; number <= 6; number++)
        set_dates(lab, number, TODAY - (6 - number) * DAY, TODAY + 10 * DAY);
    tidy_days(lab, "3 4 5 6");
}

/* An administrator has put a revision back: by the numbers those of now would be the oldest ones. A
 * dry run does not note that number either. */
static void
test_put_back(Lab *lab)
{
    g_autofree char *back = lab_path(lab, "vm/disk.img.9@2018-01-02T05:06:07Z");
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const RlPruneRule rule = {.keep = {.newest = 0}, .before_us = G_MAXINT64, .dry_run = true};
    uint64_t before, after;
    GError *error = NULL;
    bool sure;

    make_history(lab);
    make_file(back, "back");
    int clean = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_highest_get(clean, &before, &sure, &error));
    g_assert_true(rl_volume_prune_by(lab->pool, V, &rule, names, &error));
    g_assert_cmpuint(names->len, ==, 0);
    g_assert_true(rl_highest_get(clean, &after, &sure, &error));
    g_assert_cmpuint(after, ==, before);
    close(clean);
    prune(lab, (RlPruneRule){.keep = {.newest = 0}, .before_us = G_MAXINT64}, "",
          "1 2 3 4 9 named");
    prune(lab, (RlPruneRule){.keep = {.newest = 4}, .before_us = G_MAXINT64}, V "@1",
          "2 3 4 9 named");
}

/* It stays the one with the highest number until the next commit, but not the newest state. */
static void
test_put_back_old(Lab *lab)
{
    g_autofree char *back = lab_path(lab, "vm/disk.img.9@2018-01-02T05:06:07Z");

    make_history(lab);
    make_file(back, "back");
    set_mtime(back, 1514869567, 0);
    prune(lab, (RlPruneRule){.keep = {.newest = 1}, .before_us = G_MAXINT64}, "",
          "1 2 3 4 9 named");
    prune(lab, (RlPruneRule){.keep = {.daily = 1}, .before_us = G_MAXINT64}, V "@3 " V "@2 " V "@1",
          "4 9 named");
    prune(lab, (RlPruneRule){.keep = {.newest = 1}, .before_us = G_MAXINT64}, "", "4 9 named");
    lab_run(lab, V, "six");
    prune(lab, (RlPruneRule){.keep = {.newest = 1}, .before_us = G_MAXINT64}, V "@9 " V "@4",
          "10 named");
}

/* What cannot be read costs nothing, not even a number. */
static void
test_refused(Lab *lab)
{
    g_autofree char *vm = lab_path(lab, "vm"), *before = NULL;
    GError *error = NULL;

    make_history(lab);
    lab_create(lab, "vm/other", "other", 1 * MIB);
    before = list(vm);
    g_assert_null(make(lab, V "@current", V "@7", &error));
    take_error(error, RL_ERROR_NOT_FOUND, V "@7");
    error = NULL;
    g_assert_null(make(lab, V "@label", "vm/other", &error));
    take_error(error, RL_ERROR_INVALID, V "@label");
    error = NULL;
    g_assert_null(make(lab, "vm/new@kind=volatile", V, &error));
    take_error(error, RL_ERROR_UNSUPPORTED, "vm/new");
    error = NULL;
    g_assert_null(make(lab, V "@label@kind=direct", V, &error));
    take_error(error, RL_ERROR_INVALID, V "@label");
    error = NULL;
    g_assert_null(make(lab, "vm/new@kind=odd", V, &error));
    take_error(error, RL_ERROR_NAME, "odd");
    error = NULL;
    g_assert_null(make(lab, "new/new", "vm/none", &error));
    take_error(error, RL_ERROR_NOT_FOUND, "vm/none");
    assert_list(vm, before);

    make_or_die(lab, V "@current", V "@1");
    image_is(lab, V, RL_FILE_CLEAN, "one");
    g_autofree char *left = revisions(lab, V);
    g_assert_cmpstr(left, ==, "1 2 3 4 5 named");
    make_or_die(lab, "vm/new@kind=direct", V "@5");
    image_is(lab, "vm/new", RL_FILE_CLEAN, "five");
}

void
add_tests(void)
{
    g_setenv("TZ", "UTC", TRUE);
    lab_add("/prune/keep", test_keep);
    lab_add("/prune/age", test_age);
    g_test_add_func("/prune/retention", test_retention);
    lab_add("/prune/options-by-time", test_options_by_time);
    lab_add("/prune/daily", test_daily);
    lab_add("/prune/dates-to-come", test_dates_to_come);
    lab_add("/prune/dates-gone-by", test_dates_gone_by);
    lab_add("/prune/dates-beyond", test_dates_beyond);
    lab_add("/prune/dates-of-rename", test_dates_of_rename);
    lab_add("/prune/put-back", test_put_back);
    lab_add("/prune/put-back-old", test_put_back_old);
    lab_add("/clone/refused", test_refused);
}
