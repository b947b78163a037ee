/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may change, and what has changed. */
#pragma once

#include "race.h"

enum {
    D_CLEAN = 1 << 0,
    D_DIRTY = 1 << 1, /* it is another file, or there is none now */
    D_SIZE = 1 << 2,  /* of the dirty image */
    D_OWNER = 1 << 3, /* or whether its domain has come */
    D_HOLD = 1 << 4,
    D_RECORD = 1 << 5,
    D_REVISIONS = 1 << 6,
    D_CAPACITY = 1 << 7, /* of the record, which is there before and after */
};

/* The differences that count. */
unsigned seen_diff(const Seen *a, const Seen *b);
uint64_t seen_highest(const Seen *seen);
int seen_labels(const Seen *seen);

bool same_revision(const Revision *a, const Revision *b);

/* NULL if @section of @op may have turned what was before into @after, else the rule that is
 * broken. With @cut it was cut off somewhere. */
const char *rule_broken(const Op *op, const Section *section, const Seen *after, bool cut);
