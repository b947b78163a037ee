/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the checker share. */
#pragma once

#include "race.h"

extern uint64_t checked_sections, cut_sections;
extern uint64_t counted[OP_KINDS]
                       [3]; /* operations that failed, that were done, that were cut off */

/* This round's operations of a kind. */
GPtrArray *ops_of(OpKind kind);

/* edits.c: an image at rest that is edited in place. check_edit() sees that @section, which turned
 * what was before into @after, has kept the state before. was_edited(): a program may have had the
 * image open then. */
void check_edit_begin(void);
void check_edit(int volume, const Section *section, const Seen *after);
bool was_edited(int volume, uint64_t from, uint64_t to);

/* foreign.c: a file in the place of a link. check_foreign() sees that it is what @seen, which was
 * looked at in that time, has. was_foreign(): it may have been there then. */
void check_foreign(int volume, const Section *section, const Seen *seen, uint64_t from,
                   uint64_t to);
void check_foreign_files(int volume);
bool was_foreign(int volume, uint64_t from, uint64_t to);

/* results.c: is what each operation answered true? */
void check_results(void);
