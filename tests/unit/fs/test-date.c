/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the date of a file can tell. */
#include "common/fs/file-date.h"

#include <glib.h>

#define MS 1000000L

static void
test_grain(void)
{
    const struct {
        long nanoseconds;
        long long grain;
    } cases[] = {
        {0, 2000 * MS},      {1, 10 * MS},         {123456789, 10 * MS}, {10 * MS, 10 * MS},
        {990 * MS, 10 * MS}, {100 * MS, 100 * MS}, {500 * MS, 100 * MS},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct timespec date = {1000, cases[i].nanoseconds};
        g_assert_cmpint(rl_date_grain(&date), ==, cases[i].grain);
        g_assert_true(rl_date_is_whole(&date) == (cases[i].nanoseconds == 0));
    }
}

static void
test_may_recur(void)
{
    const struct timespec fine = {1000, 123456789}, whole = {1000, 0}, last = {G_MAXLONG, 0},
                          first = {G_MINLONG, 0};
    const struct {
        struct timespec now;
        bool fine, whole;
    } cases[] = {
        {{900, 0}, true, true},          {{999, 999999999}, true, true},
        {{1000, 0}, true, true},         {{1000, 123456789}, true, true},
        {{1000, 133456789}, true, true}, {{1000, 133456790}, false, true},
        {{1002, 0}, false, true},        {{1002, 1}, false, false},
        {{1010, 0}, false, false},       {{100000, 0}, false, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_true(rl_date_may_recur(&fine, &cases[i].now) == cases[i].fine);
        g_assert_true(rl_date_may_recur(&whole, &cases[i].now) == cases[i].whole);
        g_assert_true(rl_date_may_recur(&last, &cases[i].now));
        g_assert_false(rl_date_may_recur(&first, &cases[i].now));
    }
}

void
add_tests(void)
{
    g_test_add_func("/date/grain", test_grain);
    g_test_add_func("/date/may-recur", test_may_recur);
}
