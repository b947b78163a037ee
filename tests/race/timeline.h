/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sections of a round, volume by volume, in the order of the volume's lock. */
#pragma once

#include "rules.h"

typedef bool (*SeenTest)(const Seen *seen, const void *data);

/* Collects the round's sections. timeline_end() makes the last state the first of the next round.
 */
void timeline_begin(void);
void timeline_end(void);

/* GPtrArray of Section; and the operation that one is of. */
GPtrArray *timeline_of(int volume);
Op *op_of(const Section *section);
bool is_cut(const Section *section);

/* What the volume was before the round. */
extern Seen timeline_first[VOLUMES];

/* True if one of the states that the volume may have been in from @from to @to passes @test. */
bool timeline_some(int volume, uint64_t from, uint64_t to, SeenTest test, const void *data);
/* True if all of them do. */
bool timeline_all(int volume, uint64_t from, uint64_t to, SeenTest test, const void *data);

/* Ends the process, with what led to it. */
void wrong(int volume, const Section *section, const Op *op, const char *format, ...)
    G_GNUC_PRINTF(4, 5) G_GNUC_NORETURN;
