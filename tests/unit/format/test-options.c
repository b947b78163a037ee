/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/format/pool-options.h"

#include <string.h>

static void
test_defaults(void)
{
    g_autoptr(RlOptions) options = rl_options_new();

    g_assert_cmpint(options->keep.newest, ==, 1);
    g_assert_false(options->fallback_copy);
    g_assert_cmpint(rl_options_keep(options, "a/b")->newest, ==, 1);
    g_assert_cmpint(rl_options_kind(options, "a/b"), ==, RL_KIND_PERSISTENT);
}

/* The example of the design. */
static RlOptions *
example(void)
{
    RlOptions *options = rl_options_new();

    options->keep.newest = 3;
    rl_options_add_rule(options, "*/*/volatile", -1, RL_KIND_VOLATILE);
    rl_options_add_rule(options, "vm-templates/*/root", 5, -1);
    rl_options_add_rule(options, "db/*", -1, RL_KIND_DIRECT);
    return options;
}

static void
test_rules(void)
{
    g_autoptr(RlOptions) options = example();

    g_assert_cmpint(rl_options_kind(options, "appvms/foo/volatile"), ==, RL_KIND_VOLATILE);
    g_assert_cmpint(rl_options_keep(options, "appvms/foo/volatile")->newest, ==, 3);
    g_assert_cmpint(rl_options_keep(options, "vm-templates/debian/root")->newest, ==, 5);
    g_assert_cmpint(rl_options_kind(options, "vm-templates/debian/root"), ==, RL_KIND_PERSISTENT);
    g_assert_cmpint(rl_options_kind(options, "db/main"), ==, RL_KIND_DIRECT);
    g_assert_cmpint(rl_options_keep(options, "web1")->newest, ==, 3);
}

/* A star stops at a slash, and case matters. */
static void
test_patterns_respect_slashes(void)
{
    g_autoptr(RlOptions) options = example();

    g_assert_cmpint(rl_options_kind(options, "volatile"), ==, RL_KIND_PERSISTENT);
    g_assert_cmpint(rl_options_kind(options, "a/volatile"), ==, RL_KIND_PERSISTENT);
    g_assert_cmpint(rl_options_kind(options, "a/b/c/volatile"), ==, RL_KIND_PERSISTENT);
    g_assert_cmpint(rl_options_kind(options, "a/b/volatile2"), ==, RL_KIND_PERSISTENT);
    g_assert_cmpint(rl_options_kind(options, "db/a/b"), ==, RL_KIND_PERSISTENT);
    g_assert_cmpint(rl_options_kind(options, "DB/a"), ==, RL_KIND_PERSISTENT);
}

/* A later rule that says nothing of the kind does not take an earlier one's word back. */
static void
test_last_rule_that_speaks_wins(void)
{
    g_autoptr(RlOptions) options = example();

    rl_options_add_rule(options, "db/*", 0, -1);
    g_assert_cmpint(rl_options_kind(options, "db/main"), ==, RL_KIND_DIRECT);
    g_assert_cmpint(rl_options_keep(options, "db/main")->newest, ==, 0);
    rl_options_add_rule(options, "db/m*", RL_KEEP_MAX, RL_KIND_PERSISTENT);
    g_assert_cmpint(rl_options_kind(options, "db/main"), ==, RL_KIND_PERSISTENT);
    g_assert_cmpint(rl_options_keep(options, "db/main")->newest, ==, RL_KEEP_MAX);
    g_assert_cmpint(rl_options_kind(options, "db/other"), ==, RL_KIND_DIRECT);
}

/* Rules for kinds say nothing of backing stores, nor the other way round. */
static void
test_backing(void)
{
    g_autoptr(RlOptions) options = example();

    g_assert_cmpint(rl_options_backing(options, "db/main"), ==, RL_KIND_SNAPSHOT);
    rl_options_add_rule(options, "db/*", -1, -1)->backing = RL_KIND_PERSISTENT;
    rl_options_add_rule(options, "db/m*", -1, -1)->backing = RL_KIND_DIRECT;
    rl_options_add_rule(options, "*/*", 7, RL_KIND_VOLATILE);
    g_assert_cmpint(rl_options_backing(options, "db/main"), ==, RL_KIND_DIRECT);
    g_assert_cmpint(rl_options_backing(options, "db/other"), ==, RL_KIND_PERSISTENT);
    g_assert_cmpint(rl_options_backing(options, "other"), ==, RL_KIND_SNAPSHOT);
    g_assert_cmpint(rl_options_kind(options, "db/main"), ==, RL_KIND_VOLATILE);
    g_assert_cmpint(rl_options_kind(options, "other"), ==, RL_KIND_PERSISTENT);
}

static void
test_copy_is_equal_and_apart(void)
{
    g_autoptr(RlOptions) options = example();
    g_autoptr(RlOptions) copy = rl_options_copy(options);

    g_assert_true(rl_options_equal(options, copy));
    rl_options_add_rule(copy, "x", 1, -1);
    g_assert_false(rl_options_equal(options, copy));
    g_assert_cmpuint(options->rules->len, ==, 3);
}

static void
test_every_difference_counts(void)
{
    g_autoptr(RlOptions) options = example();

    for (int i = 0; i < 7; i++) {
        g_autoptr(RlOptions) other = rl_options_copy(options);
        RlRule *rule = g_ptr_array_index(other->rules, 1);
        if (i == 0) {
            other->keep.newest = 2;
        } else if (i == 1) {
            other->fallback_copy = true;
        } else if (i == 2) {
            rule->keep.newest = 4;
        } else if (i == 3) {
            rule->kind = RL_KIND_DIRECT;
        } else if (i == 4) {
            rule->backing = RL_KIND_SNAPSHOT;
        } else if (i == 5) {
            other->path_links = true;
        } else {
            g_free(rule->match);
            rule->match = g_strdup("vm-templates/*/roo?");
        }
        g_assert_false(rl_options_equal(options, other));
    }
}

static void
test_kind_words(void)
{
    const char *const unknown[] = {"", "Direct", "persistent ", "none"};

    for (int kind = RL_KIND_PERSISTENT; kind <= RL_KIND_DIRECT; kind++)
        g_assert_cmpint(rl_kind_from_string(rl_kind_to_string((RlKind) kind)), ==, kind);
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
        g_assert_cmpint(rl_kind_from_string(unknown[i]), ==, -1);
    rl_options_free(NULL);
}

/* Each field of the retention counts. */
static void
test_retention(void)
{
    for (int field = 0; field < 4; field++) {
        g_autoptr(RlOptions) one = rl_options_new(), other = rl_options_new();
        g_assert_true(rl_options_equal(one, other));
        if (field == 0)
            other->keep.newest++;
        else if (field == 1)
            other->keep.hourly++;
        else if (field == 2)
            other->keep.daily++;
        else
            other->keep.weekly++;
        g_assert_false(rl_options_equal(one, other));
    }
}

void
add_tests(void)
{
    g_test_add_func("/options/retention", test_retention);
    g_test_add_func("/options/defaults", test_defaults);
    g_test_add_func("/options/rules", test_rules);
    g_test_add_func("/options/patterns-respect-slashes", test_patterns_respect_slashes);
    g_test_add_func("/options/last-rule-that-speaks-wins", test_last_rule_that_speaks_wins);
    g_test_add_func("/options/copy-is-equal-and-apart", test_copy_is_equal_and_apart);
    g_test_add_func("/options/every-difference-counts", test_every_difference_counts);
    g_test_add_func("/options/kind-words", test_kind_words);
    g_test_add_func("/options/backing", test_backing);
}
