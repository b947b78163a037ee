/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/base/error.h"

#include <errno.h>
#include <string.h>

static void
test_rule(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(rl_fail(&error, RL_ERROR_BUSY, "volume '%s' has %d", "a", 7));
    g_assert_error(error, RL_ERROR, RL_ERROR_BUSY);
    g_assert_cmpstr(error->message, ==, "volume 'a' has 7");
    g_assert_false(rl_error_is_errno(error, RL_ERROR_BUSY));
}

static void
test_errno(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *wanted = g_strdup_printf("cannot open 'x': %s", strerror(ENOENT));

    g_assert_false(rl_fail_errno(&error, ENOENT, "cannot open '%s'", "x"));
    g_assert_error(error, RL_ERRNO, ENOENT);
    g_assert_cmpstr(error->message, ==, wanted);
    g_assert_true(rl_error_is_errno(error, ENOENT));
    g_assert_false(rl_error_is_errno(error, EPERM));
}

/* Nobody has to ask for the sentence; and a name with a % in it is no format. */
static void
test_unwanted_and_hostile(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(rl_fail(NULL, RL_ERROR_STATE, "nobody reads this"));
    g_assert_false(rl_fail_errno(NULL, EIO, "nor this"));
    g_assert_false(rl_error_is_errno(NULL, EIO));
    rl_fail_errno(&error, EIO, "cannot open '%s'", "%s%n");
    g_assert_true(g_str_has_prefix(error->message, "cannot open '%s%n': "));
}

static void
test_about(void)
{
    GError *error = NULL;

    rl_error_about(NULL, "volume", "a/b");
    rl_error_about(&error, "volume", "a/b");
    g_assert_no_error(error);
    rl_fail_errno(&error, ENOSPC, "cannot write");
    rl_error_about(&error, "volume", "a/b%s");
    g_assert_true(g_str_has_prefix(error->message, "volume 'a/b%s': cannot write: "));
    rl_error_about(&error, "pool", "a/b%s");
    g_assert_true(g_str_has_prefix(error->message, "volume 'a/b%s': cannot write: "));
    g_assert_true(rl_error_is_errno(error, ENOSPC));
    g_clear_error(&error);
    rl_fail(&error, RL_ERROR_NAME, "invalid name");
    rl_error_about(&error, "volume", "bell\a");
    g_assert_cmpstr(error->message, ==, "invalid name");
    g_error_free(error);
}

static void
test_domains_differ(void)
{
    g_assert_cmpuint(RL_ERROR, !=, RL_ERRNO);
    g_assert_cmpuint(RL_ERROR, !=, 0);
}

void
add_tests(void)
{
    g_test_add_func("/error/rule", test_rule);
    g_test_add_func("/error/errno", test_errno);
    g_test_add_func("/error/unwanted-and-hostile", test_unwanted_and_hostile);
    g_test_add_func("/error/about", test_about);
    g_test_add_func("/error/domains-differ", test_domains_differ);
}
