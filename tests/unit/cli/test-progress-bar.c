/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far a command has come is shown to a person, who waits for longer than a moment. */
#include "backend/cli/progress-bar.h"

#include "common/base/autofd.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define A_WHILE_US (1100 * 1000)

static const RlCommand command = {"do", "POOL", "do it", 1, 1, RL_COMMAND_REPORT, NULL},
                       stream = {"send", "POOL", "do it",
                                 1,      1,      RL_COMMAND_REPORT | RL_COMMAND_STREAM,
                                 NULL};

/* A terminal in place of stderr, whose other end is returned. */
static int
open_terminal(int *ret_before)
{
    int far = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    g_assert_cmpint(far, >=, 0);
    g_assert_cmpint(grantpt(far), ==, 0);
    g_assert_cmpint(unlockpt(far), ==, 0);
    rl_autofd int near = open(ptsname(far), O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(near, >=, 0);
    *ret_before = dup(STDERR_FILENO);
    dup2(near, STDERR_FILENO);
    return far;
}

/* What has come there, owned by the caller. */
static char *
shown_at(int terminal)
{
    char text[4096];
    ssize_t length = read(terminal, text, sizeof(text));

    return g_strndup(text, (gsize) MAX(length, 0));
}

static void
test_terminal(void)
{
    const RlCall call = {.command = &command}, quiet = {.command = &command, .quiet = TRUE},
                 piped = {.command = &stream, .json = TRUE};
    RlProgressBar bar, other;
    int before;
    rl_autofd int terminal = open_terminal(&before);

    g_assert_null(rl_progress_bar_begin(&other, &quiet).report);
    g_assert_null(rl_progress_bar_begin(&other, &piped).report);
    RlProgress progress = rl_progress_bar_begin(&bar, &call);
    g_assert_nonnull(progress.report);
    progress.report(1 * MIB, 8 * MIB, 1 * MIB, progress.data);
    g_usleep(A_WHILE_US);
    progress.report(2 * MIB, 8 * MIB, 2 * MIB, progress.data);
    g_autofree char *line = shown_at(terminal);
    /* The next copy begins anew, but the line stays until it says something, or is taken away. */
    progress.report(1 * MIB, 8 * MIB, 1 * MIB, progress.data);
    g_autofree char *nothing = shown_at(terminal);
    rl_progress_bar_end(&bar);
    rl_progress_bar_end(&bar);
    g_autofree char *gone = shown_at(terminal);
    dup2(before, STDERR_FILENO);
    close(before);
    g_assert_true(g_str_has_prefix(line, "\r 25% [#######---"));
    g_assert_nonnull(strstr(line, "] 2.0 MiB, "));
    g_assert_nonnull(strstr(line, "/s, 0:00:0"));
    g_assert_nonnull(strstr(line, " left"));
    g_assert_cmpstr(nothing, ==, "");
    g_assert_cmpstr(gone, ==, "\r\033[K");
}

static void
test_no_terminal(void)
{
    const RlCall call = {.command = &command};
    int before = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    RlProgressBar bar;

    dup2(null, STDERR_FILENO);
    RlProgress progress = rl_progress_bar_begin(&bar, &call);
    dup2(before, STDERR_FILENO);
    close(before);
    close(null);
    g_assert_null(progress.report);
}

void
add_tests(void)
{
    g_test_add_func("/progress-bar/terminal", test_terminal);
    g_test_add_func("/progress-bar/no-terminal", test_no_terminal);
}
