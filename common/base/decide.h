/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decision tables: what is to be done, by what is so. The first rule that fits decides. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Facts are bits, of which each table has its own. The last rule of a table fits always. */
typedef struct {
    uint32_t all;  /* what has to be so */
    uint32_t none; /* what must not */
    int action;
} RlDecision;

/* Finds out whether @fact is so. False with @error where that cannot be told. */
typedef bool (*RlAsk)(uint32_t fact, bool *ret_so, void *data, GError **error);

typedef struct {
    uint32_t known; /* what has been found out */
    uint32_t so;    /* and what of that is so */
    RlAsk ask;      /* with @data, for all else; only when a rule needs it, and once */
    void *data;
} RlFacts;

/**
 * rl_decide:
 * Returns the action of the first of @rules that fits @facts; -1 with the error of a question.
 */
int rl_decide(const RlDecision *rules, RlFacts *facts, GError **error);

/**
 * rl_facts_if:
 * Returns @facts where @so, else none.
 */
static inline uint32_t
rl_facts_if(bool so, uint32_t facts)
{
    return so ? facts : 0;
}
