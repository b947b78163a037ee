/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the checker share. */
#pragma once

#include "race.h"

extern uint64_t checked_sections, cut_sections;
extern uint64_t counted[OP_KINDS]
                       [3]; /* operations that failed, that were done, that were cut off */

/* This round's operations of a kind. */
GPtrArray *ops_of(OpKind kind);

/* results.c: is what each operation answered true? */
void check_results(void);
