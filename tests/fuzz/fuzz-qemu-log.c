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
#define RL_QEMU_SAVE_DIR dir
#include "backend/hook/qemu-log.c"

#define TIME "2026-11-22 04:05:06.789+0000"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;
    need_private_run();
    dir = "/run";
    return 0;
}

/* What the hook reads from a log of @before, @size bytes, and then @after. */
static RlEnding
ending_of(const uint8_t *before, size_t size, const char *after)
{
    g_autofree char *file = NULL;
    FILE *log = fopen("/run/x.log", "w");

    g_assert_nonnull(log);
    g_assert_cmpuint(fwrite(before, 1, size, log), ==, size);
    fputs(after, log);
    g_assert_cmpint(fclose(log), ==, 0);

    RlEnding ending = rl_qemu_log_ending("x", &file);
    g_assert_null(file);
    g_assert_true(ending == RL_ENDING_UNKNOWN || ending == RL_ENDING_STOPPED ||
                  ending == RL_ENDING_FAILED || ending == RL_ENDING_SAVED);
    return ending;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RlEnding ending = ending_of(data, size, "\n");
    /* What was saved stays so, whatever else is said of that run. */
    bool saved = ending == RL_ENDING_SAVED;

    /* What is no line of libvirt's changes nothing. */
    g_assert_cmpint(ending_of(data, size, "\nqemu: terminating\n"), ==, ending);

    g_assert_cmpint(ending_of(data, size, "\n" TIME ": shutting down, reason=saved\n"), ==,
                    RL_ENDING_SAVED);
    g_assert_cmpint(ending_of(data, size, "\n" TIME ": shutting down, reason=destroyed\n"), ==,
                    saved ? RL_ENDING_SAVED : RL_ENDING_STOPPED);
    g_assert_cmpint(ending_of(data, size, "\n" TIME ": shutting down, reason=new\n"), ==,
                    saved ? RL_ENDING_SAVED : RL_ENDING_UNKNOWN);
    g_assert_cmpint(ending_of(data, size, TIME ": shutting down, reason=failed\n"), ==,
                    RL_ENDING_FAILED);

    /* A start begins anew, also in a line that a device model did not end. */
    g_assert_cmpint(ending_of(data, size, TIME ": starting up libvirt version: 9.0.0\n"), ==,
                    RL_ENDING_UNKNOWN);
    g_assert_cmpint(ending_of(data, size,
                              TIME ": starting up libvirt version: 9.0.0\n" TIME
                                   ": shutting down, reason=destroyed\n"),
                    ==, RL_ENDING_STOPPED);
    return 0;
}
