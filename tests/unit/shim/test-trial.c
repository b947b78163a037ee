/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A module is tried in a child process: what becomes of that is told, and is nobody else's. */
#include "backend/shim/trial.h"

#include "harness/lab.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The name of a file that a child makes when it begins. */
static char *trace;

static const char *
fits(void)
{
    return NULL;
}

static const char *
does_not_fit(void)
{
    return "a field is elsewhere";
}

static const char *
crashes(void)
{
    abort();
}

/* As where a lock was taken by another thread: once. */
static const char *
hangs_once(void)
{
    int fd = open(trace, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    while (fd >= 0)
        pause();
    return NULL;
}

static const char *
hangs(void)
{
    while (pause() < 0)
        continue;
    return NULL;
}

static void
expect(const char *(*prove)(void), bool wanted, const char *words)
{
    char why[200] = "";

    g_assert_cmpint(rl_trial(prove, why, sizeof(why)), ==, wanted);
    g_assert_nonnull(strstr(why, words));
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
}

static void
test_outcomes(void)
{
    expect(fits, true, "");
    expect(does_not_fit, false, "a field is elsewhere");
    expect(crashes, false, "signal 6");
}

static void
test_hangs(void)
{
    g_autofree char *dir = g_dir_make_tmp(NULL, NULL);

    trace = g_build_filename(dir, "trace", NULL);
    expect(hangs_once, true, "");
    expect(hangs, false, "did not end in time");
    g_assert_cmpint(unlink(trace), ==, 0);
    g_assert_cmpint(rmdir(dir), ==, 0);
    g_free(trace);
}

void
add_tests(void)
{
    g_test_add_func("/trial/outcomes", test_outcomes);
    g_test_add_func("/trial/hangs", test_hangs);
}
