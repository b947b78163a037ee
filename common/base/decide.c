/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "decide.h"

static bool
contradicts(const RlDecision *rule, const RlFacts *facts)
{
    return (rule->all & facts->known & ~facts->so) || (rule->none & facts->so);
}

/* What has a lower bit costs less to ask. */
static bool
fits(const RlDecision *rule, RlFacts *facts, bool *ret_fits, GError **error)
{
    uint32_t wanted = rule->all | rule->none;

    while (!contradicts(rule, facts) && (wanted & ~facts->known)) {
        uint32_t unknown = wanted & ~facts->known;
        uint32_t fact = unknown & -unknown;
        bool so;
        if (!facts->ask(fact, &so, facts->data, error))
            return false;
        facts->known |= fact;
        facts->so |= rl_facts_if(so, fact);
    }
    *ret_fits = !contradicts(rule, facts);
    return true;
}

int
rl_decide(const RlDecision *rules, RlFacts *facts, GError **error)
{
    for (const RlDecision *rule = rules;; rule++) {
        bool found;
        if (!fits(rule, facts, &found, error))
            return -1;
        if (found)
            return rule->action;
    }
}
