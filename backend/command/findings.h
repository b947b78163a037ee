/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is out of order in a pool, or waits for an administrator. */
#pragma once

#include "common/pool/pool.h"

typedef struct {
    const char *code; /* a word for programs, static: docs/virt-reflink-pool.8 lists them */
    char *volume;     /* NULL: the pool itself */
    char *problem;    /* a sentence, without a full stop */
    const char *step; /* what to do about it, static; NULL where the sentence says it */
} RlFinding;

/**
 * rl_findings_codes:
 * All codes that a finding can have; static, NULL-terminated.
 */
const char *const *rl_findings_codes(void);

/**
 * rl_findings_add:
 * Adds to @findings one with the static @code and @step (may be NULL), of @volume (NULL: of the
 * pool), and the sentence that @format gives.
 */
void rl_findings_add(GPtrArray *findings, const char *code, const char *volume, const char *step,
                     const char *format, ...) G_GNUC_PRINTF(5, 6);

/**
 * rl_findings_look:
 * Looks through @pool. Returns what it finds (RlFinding), that of the pool first, then by volume;
 * owned by the caller. Changes nothing. NULL with @error where the pool cannot be looked through.
 */
GPtrArray *rl_findings_look(const RlPool *pool, GError **error);
