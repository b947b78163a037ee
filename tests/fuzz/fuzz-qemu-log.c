/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log of a domain under qemu: whatever its device model wrote there before, what libvirt writes
 * since the last start decides. */
#include "fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* So that a log can be put where it looks for one. */
static const char *dir = "/nonexistent";
#define RL_QEMU_LOG_DIR dir
#include "backend/hook/qemu-log.c"

#define TIME "2026-11-22 04:05:06.789+0000"
#define FROM_MS G_GINT64_CONSTANT(1795320306789) /* TIME */
#define TO_MS (FROM_MS + 1000)

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;
    need_private_run();
    dir = "/run";
    return 0;
}

/* What the hook reads from the end of a log of @before, @size bytes, and then @after. */
static RlLogEnding
ending_of(const uint8_t *before, size_t size, const char *after)
{
    FILE *log = fopen("/run/x.log", "w");

    g_assert_nonnull(log);
    g_assert_cmpuint(fwrite(before, 1, size, log), ==, size);
    fputs(after, log);
    g_assert_cmpint(fclose(log), ==, 0);

    g_autofree char *text = read_tail("/run/x.log");
    g_assert_nonnull(text);
    /* The same as by its front door, where the time is that of the machine. */
    RlLogEnding whole = rl_qemu_log_ending("x", FROM_MS);
    RlLogEnding ending = rl_qemu_log_ending_of_text(text, FROM_MS, TO_MS);
    g_assert_true(whole <= RL_LOG_OTHER && ending <= RL_LOG_OTHER);
    /* What is older than the run says nothing. */
    g_assert_cmpint(rl_qemu_log_ending_of_text(text, G_MAXINT64, G_MAXINT64), ==, RL_LOG_NOTHING);
    return ending;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RlLogEnding ending = ending_of(data, size, "\n");
    bool saved = ending == RL_LOG_SAVED || ending == RL_LOG_SAVED_THEN_DEAD;

    /* What is no line of libvirt's changes nothing, nor does what is dated before the run. */
    g_assert_cmpint(ending_of(data, size, "\nqemu: terminating\n"), ==, ending);
    g_assert_cmpint(
        ending_of(data, size, "\n2026-11-22 04:05:06.788+0000: shutting down, reason=saved\n"), ==,
        ending);

    g_assert_cmpint(ending_of(data, size, "\n" TIME ": shutting down, reason=saved\n"), ==,
                    RL_LOG_SAVED);
    g_assert_cmpint(ending_of(data, size, "\n" TIME ": shutting down, reason=destroyed\n"), ==,
                    RL_LOG_STOPPED);
    RlLogEnding dead = ending_of(data, size, "\n" TIME ": shutting down, reason=crashed\n");
    g_assert_true(dead == RL_LOG_FOUND_DEAD || dead == RL_LOG_SAVED_THEN_DEAD);
    g_assert_true(!saved || dead == RL_LOG_SAVED_THEN_DEAD);
    g_assert_cmpint(ending_of(data, size, "\n" TIME ": shutting down, reason=new\n"), ==,
                    RL_LOG_OTHER);
    g_assert_cmpint(ending_of(data, size, TIME ": shutting down, reason=failed\n"), ==,
                    RL_LOG_FAILED);

    /* A start begins anew, also in a line that a device model did not end. */
    g_assert_cmpint(ending_of(data, size, TIME ": starting up libvirt version: 9.0.0\n"), ==,
                    RL_LOG_NOTHING);
    g_assert_cmpint(ending_of(data, size,
                              TIME ": starting up libvirt version: 9.0.0\n" TIME
                                   ": shutting down, reason=destroyed\n"),
                    ==, RL_LOG_STOPPED);
    return 0;
}
