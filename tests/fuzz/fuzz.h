/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzz targets have in common. Each defines LLVMFuzzerTestOneInput() and says with GLib's
 * assertions what must hold of whatever it is given; an assertion that fails is a finding, as is a
 * report of a sanitizer. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/pool/pool.h"

/* libFuzzer's own names. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input, eaten from its front. */
typedef struct {
    const uint8_t *data;
    size_t left;
} Input;

/* Takes one byte below @limit; 0 at the end. */
unsigned int input_below(Input *input, unsigned int limit);
/* Takes what is before the next NUL byte, or the rest; NUL-terminated, owned by the caller. */
char *input_text(Input *input);
/* Takes as many bytes as the next two say, at most @limit; owned by the caller. */
char *input_bytes(Input *input, size_t limit, size_t *ret_length);

/* Ends the program as an assertion does, with a sentence. (g_error() raises a signal that libFuzzer
 * knows nothing of.) */
#define broken(...) (g_printerr(__VA_ARGS__), g_printerr("\n"), abort())

/* Checks that an operation which @failed has an error with a sentence, and one that did not has
 * none; frees it. */
void check_error(bool failed, GError *error);
/* The same, and that the sentence can be shown to anybody, whatever it quotes. */
void check_outcome(bool failed, GError *error);
/* That a text can stand in a line for a person: UTF-8, not empty, without control characters. */
void check_line(const char *text);

/* Ends the program with 77 where it does not run as root, below tests/fuzz/run: with a /run of its
 * own, in memory. */
void need_private_run(void);
/* Removes all that is in the directory @path, and itself. */
void remove_tree(const char *path);
/* Makes a pool at the path @path, and opens it. */
RlPool *make_pool(const char *path);
