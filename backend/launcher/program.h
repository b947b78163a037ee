/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hook program that the launcher stands in front of, and how a call of it went. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char path[PATH_MAX];
    char **argv;
} RlProgram;

typedef struct {
    int error;  /* why it could not be started, an errno; 0 if it was */
    int status; /* else how it ended, as from waitpid(2) */
} RlOutcome;

/**
 * rl_program_find:
 * The hook program belongs to this one: it lies in ../libexec as seen from here, so that a tree
 * that was staged or moved works, or else where it was to be installed. Whether it is there shows
 * when it is run. @argv is borrowed.
 */
void rl_program_find(RlProgram *program, char **argv);

/**
 * rl_program_run:
 * Runs @program with our arguments, input and environment, and waits for its end. It is killed if
 * we are.
 */
RlOutcome rl_program_run(const RlProgram *program);

/**
 * rl_program_become:
 * Runs @program in place of this one. Returns, with the errno, only where it cannot be started. If
 * its libraries cannot be loaded this process ends with 127.
 */
int rl_program_become(const RlProgram *program);

/**
 * rl_outcome_is_answer:
 * Is that the end of a program that ran, with what it answers in *@ret_answer: 0, or 1 for a
 * refusal? It ends with nothing else by itself. (ld.so(8) ends with 127 where a library or a symbol
 * is missing.)
 */
bool rl_outcome_is_answer(RlOutcome outcome, int *ret_answer);

/**
 * rl_outcome_describe:
 * Says in a part of a sentence, of @size bytes at most, what failed and what to do.
 */
void rl_outcome_describe(RlOutcome outcome, const RlProgram *program, char *text, size_t size);
