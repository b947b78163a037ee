/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of a start that finds a dirty image, and of a stop: each cell says what the rules in
 * words say, each row decides some cell, and docs/domains.md prints them. */
#include "common/base/decide.h"

#include <string.h>

#include "common/base/error.h"
#include "common/operation/start-rules.h"
#include "common/operation/stop-rules.h"
#include "harness/lab.h"

#define HAS(fact) ((facts & (fact)) != 0)

/* A set of facts that can be, of the bits that @index counts. */
typedef bool (*IsPossible)(uint32_t facts);
typedef int (*Expected)(uint32_t facts);

typedef struct {
    const RlDecision *rules;
    int facts; /* how many */
    IsPossible is_possible;
    Expected expected;
} Table;

static int
decide(const RlDecision *rules, uint32_t so)
{
    RlFacts facts = {.known = UINT32_MAX, .so = so};

    return rl_decide(rules, &facts, NULL);
}

static guint
row_of(const RlDecision *rules, uint32_t so)
{
    guint row = 0;

    while ((rules[row].all & ~so) || (rules[row].none & so))
        row++;
    return row;
}

static guint
rows_of(const RlDecision *rules)
{
    guint rows = 0;

    while (rules[rows].all || rules[rows].none)
        rows++;
    return rows + 1;
}

/* All cells: as expected; and no row is out of reach. */
static void
check_table(const Table *table)
{
    guint rows = rows_of(table->rules);
    g_autofree guint *hits = g_new0(guint, rows);

    for (uint32_t so = 0; so < (1u << table->facts); so++) {
        if (!table->is_possible(so))
            continue;
        int wanted = table->expected(so);
        if (decide(table->rules, so) != wanted)
            g_error("facts %x: %d, not %d", so, decide(table->rules, so), wanted);
        hits[row_of(table->rules, so)]++;
    }
    guint cells = 0;
    for (guint i = 0; i < rows; i++) {
        g_assert_cmpuint(hits[i], >, 0);
        cells += hits[i];
    }
    g_test_message("%u cells", cells);
}

/* Whose run it is, and of which kind the volume, is one of several; what is marked is marked with
 * one mark. */
static bool
takeover_is_possible(uint32_t facts)
{
    bool run = HAS(RL_LEFT_OWN | RL_LEFT_OTHER);
    bool marks = HAS(RL_LEFT_SUSPECT | RL_LEFT_FOREIGN | RL_LEFT_SAVED);

    return !(HAS(RL_LEFT_OWN) && HAS(RL_LEFT_OTHER)) && (run || !HAS(RL_LEFT_BY_HAND)) &&
           !(HAS(RL_LEFT_PERSISTENT) && HAS(RL_LEFT_THROWAWAY)) &&
           !(HAS(RL_LEFT_SUSPECT) && HAS(RL_LEFT_FOREIGN)) && (!marks || HAS(RL_LEFT_KEPT)) &&
           (run || !HAS(RL_LEFT_HALF)) && (run || !HAS(RL_LEFT_AWAITED)) &&
           (!HAS(RL_LEFT_KEPT_OTHER) || (HAS(RL_LEFT_THROWAWAY) && HAS(RL_LEFT_KEPT) && !marks)) &&
           (!HAS(RL_LEFT_WRITTEN) || HAS(RL_LEFT_ONLY_READ));
}

static int
expected_of_leftover(uint32_t facts)
{
    bool kept = HAS(RL_LEFT_KEPT) || HAS(RL_STARTS_OVERLAID);
    bool only_read = HAS(RL_LEFT_ONLY_READ);

    if (!kept && (HAS(RL_LEFT_THROWAWAY) || (only_read && HAS(RL_LEFT_PERSISTENT)))) {
        if (HAS(RL_STARTS_RESTORED))
            return RL_TAKEOVER_OTHER;
        return HAS(RL_LEFT_WRITTEN) && HAS(RL_LEFT_PERSISTENT) ? RL_TAKEOVER_WRITTEN
                                                               : RL_TAKEOVER_DROP;
    }
    if (HAS(RL_LEFT_UNFIT))
        return RL_TAKEOVER_UNFIT;
    if (HAS(RL_LEFT_PART_SECTOR))
        return RL_TAKEOVER_SECTORS;
    if (HAS(RL_STARTS_ARRIVING))
        return RL_TAKEOVER_OVERWRITTEN;
    return HAS(RL_STARTS_READONLY) && !only_read ? RL_TAKEOVER_UNFINISHED : RL_TAKEOVER_CONTINUE;
}

static int
expected_takeover(uint32_t facts)
{
    bool restored = HAS(RL_STARTS_RESTORED), overlaid = HAS(RL_STARTS_OVERLAID);
    bool for_overlay = overlaid && HAS(RL_LEFT_BY_HAND);

    if (HAS(RL_STARTS_READONLY) && HAS(RL_LEFT_SHAREABLE))
        return RL_TAKEOVER_SHARE;
    if (HAS(RL_LEFT_IN_USE))
        return RL_TAKEOVER_IN_USE;
    if (HAS(RL_LEFT_SUSPECT) || HAS(RL_LEFT_FOREIGN))
        return HAS(RL_LEFT_SUSPECT) ? RL_TAKEOVER_SUSPECT : RL_TAKEOVER_FOREIGN;
    if (HAS(RL_LEFT_BELOW_OWN) && !overlaid)
        return RL_TAKEOVER_OWN_OVERLAY;
    if (restored && !HAS(RL_LEFT_OTHER) && HAS(RL_LEFT_MISFIT))
        return RL_TAKEOVER_MISFIT;
    if (restored && HAS(RL_LEFT_OWN) && HAS(RL_LEFT_ANNOUNCED))
        return RL_TAKEOVER_RESTORE;
    if (HAS(RL_LEFT_SAVED))
        return RL_TAKEOVER_SAVED;
    if (HAS(RL_LEFT_OTHER) && HAS(RL_LEFT_AWAITED) && !for_overlay)
        return RL_TAKEOVER_IN_USE;
    if (HAS(RL_LEFT_BELOW_OTHER) && !overlaid)
        return RL_TAKEOVER_BELOW;
    if (HAS(RL_LEFT_KEPT_OTHER) && !overlaid)
        return RL_TAKEOVER_KEPT_OTHER;
    if (restored && HAS(RL_LEFT_OTHER))
        return RL_TAKEOVER_OTHER;
    if (HAS(RL_LEFT_HALF) && !HAS(RL_LEFT_KEPT))
        return HAS(RL_STARTS_ARRIVING) ? RL_TAKEOVER_CONTINUE : RL_TAKEOVER_HALF;
    return expected_of_leftover(facts);
}

static void
test_takeover(void)
{
    check_table(&(Table){rl_start_rules(), 26, takeover_is_possible, expected_takeover});
}

static bool
stop_is_possible(uint32_t facts)
{
    int kinds = HAS(RL_ENDED_SNAPSHOT) + HAS(RL_ENDED_VOLATILE) + HAS(RL_ENDED_DIRECT);

    return kinds <= 1 && !(HAS(RL_ENDS_BY_HAND) && HAS(RL_ENDED_OWN | RL_ENDED_SHARED)) &&
           !(HAS(RL_ENDED_SUSPECT) && HAS(RL_ENDED_FOREIGN)) &&
           (!HAS(RL_ENDED_WRITTEN) || HAS(RL_ENDED_ONLY_READ)) &&
           (!HAS(RL_ENDED_SHARED) || HAS(RL_ENDED_ONLY_READ));
}

static int
expected_whose(uint32_t facts)
{
    bool by_hand = HAS(RL_ENDS_BY_HAND), ours = by_hand || HAS(RL_ENDED_OWN);
    bool shared = HAS(RL_ENDED_SHARED);

    if (!ours && (!shared || HAS(RL_ENDED_FRESH)))
        return RL_ENDING_NOT_OWNED;
    if (shared && HAS(RL_ENDED_HELD))
        return ours ? RL_ENDING_LEFT : RL_ENDING_NOT_OWNED;
    if (HAS(RL_ENDED_SAVED | RL_ENDED_HALF | RL_ENDED_SUSPECT))
        return RL_ENDING_HELD;
    if (!by_hand && HAS(RL_ENDED_OPEN))
        return RL_ENDING_BUSY;
    if (by_hand && HAS(RL_ENDED_HELD))
        return RL_ENDING_RUNNING;
    if (HAS(RL_ENDED_FOREIGN))
        return RL_ENDING_FOREIGN;
    if (by_hand && HAS(RL_ENDED_AWAITED))
        return RL_ENDING_AWAITED;
    return !by_hand && HAS(RL_ENDED_BELOW) ? RL_ENDING_KEPT_BELOW : RL_ENDING_GOES_ON;
}

static int
expected_becomes(uint32_t facts)
{
    if (HAS(RL_ENDS_BY_HAND) && HAS(RL_ENDED_BELOW | RL_ENDED_UNFIT))
        return HAS(RL_ENDED_BELOW) ? RL_ENDING_BELOW : RL_ENDING_UNFIT;
    if (HAS(RL_ENDED_VOLATILE | RL_ENDED_DIRECT))
        return HAS(RL_ENDED_VOLATILE) ? RL_ENDING_DROP_VOLATILE : RL_ENDING_RETURN;
    if (HAS(RL_ENDED_UNWRITTEN))
        return RL_ENDING_PRECACHE;
    if (HAS(RL_ENDED_SNAPSHOT))
        return RL_ENDING_DROP;
    if (HAS(RL_ENDED_ONLY_READ))
        return HAS(RL_ENDED_WRITTEN) ? RL_ENDING_WRITTEN : RL_ENDING_DROP;
    return HAS(RL_ENDED_OTHER_BASE) ? RL_ENDING_OTHER_BASE : RL_ENDING_COMMIT;
}

static void
test_stop(void)
{
    check_table(&(Table){rl_stop_whose_rules(), 20, stop_is_possible, expected_whose});
    check_table(&(Table){rl_stop_image_rules(), 20, stop_is_possible, expected_becomes});
}

/* What is known already contradicts a row, or a row before decides: nothing else is asked. */
static bool
ask(uint32_t fact, bool *ret_so, void *data, GError **error)
{
    uint32_t *asked = data;

    g_assert_cmpuint(*asked & fact, ==, 0);
    *asked |= fact;
    *ret_so = true;
    return fact != 8 || rl_fail(error, RL_ERROR_STATE, "fact %u", fact);
}

static void
test_asks_what_it_needs(void)
{
    static const RlDecision rules[] = {
        {1 | 2, 0, 10}, {4, 2, 11}, {4 | 16, 0, 12}, {8, 0, 13}, {0}};
    uint32_t asked = 0;
    RlFacts facts = {.known = 1, .so = 0, .ask = ask, .data = &asked};
    GError *error = NULL;

    g_assert_cmpint(rl_decide(rules, &facts, NULL), ==, 12);
    g_assert_cmpuint(asked, ==, 2 | 4 | 16);
    facts = (RlFacts){.known = 1 | 4, .so = 0, .ask = ask, .data = &asked};
    asked = 0;
    g_assert_cmpint(rl_decide(rules, &facts, &error), ==, -1);
    take_error(error, RL_ERROR_STATE, "fact 8");
}

static const char *const takeover_facts[] = {
    "the domain only reads",
    "the domain's disk is an overlay on it",
    "a restore",
    "a migration",
    "the run is the domain's",
    "the run is another domain's",
    "the run was begun by hand",
    "suspect",
    "nothing of ours is noted",
    "marked",
    "only read",
    "came half",
    "persistent",
    "snapshot or volatile",
    "Xen would not reach its end",
    "domains read it, none writes",
    "open in a process",
    "saved, and the memory may be there",
    "the run began a short while ago",
    "the restore was announced",
    "does not fit the memory",
    "below an overlay of the domain's",
    "below another's overlay",
    "cannot be what its guest wrote, or has another clean image",
    "written to since it was made",
    "kept at the end of another domain's run",
};

static const char *const takeover_actions[] = {
    "goes on",
    "goes on, restored",
    "dropped; a new image",
    "shared",
    "**no**: in use",
    "**no**: suspect",
    "**no**: foreign",
    "**no**: saved",
    "**no**: own overlay",
    "**no**: overlay",
    "**no**: does not fit",
    "**no**: another image",
    "**no**: half a migration",
    "**no**: orphan, shrunk, linked or another base",
    "**no**: becomes suspect",
    "**no**: resize it",
    "**no**: would be written over",
    "**no**: unfinished writes",
    "**no**: kept of another domain",
};

static const char *const stop_facts[] = {
    "by hand",
    "the run is the domain's",
    "the domain only read",
    "came half",
    "suspect",
    "nothing of ours is noted",
    "only read",
    "snapshot",
    "volatile",
    "direct",
    "the run began a short while ago",
    "saved, and the memory may be there",
    "open as the run would have it",
    "open in a process",
    "a domain may be about to open it",
    "below an overlay",
    "cannot be what its guest wrote, or has another clean image",
    "nothing was written",
    "written to since it was made",
    "made from another clean image",
};

static const char *const stop_actions[] = {
    "goes on with the next table",
    "left: another's",
    "left to those who read it",
    "left as it is",
    "left: overlay",
    "**no**: in use",
    "**no**: in use",
    "**no**: foreign",
    "**no**: just started",
    "**no**: overlay",
    "**no**: orphan, shrunk, linked or another base",
    "**no**: becomes suspect",
    "**no**: another base",
    "becomes the precache",
    "committed",
    "dropped",
    "dropped; its size is recorded",
    "gets its clean name",
};

static void
print_facts(GString *out, uint32_t facts, const char *const *words)
{
    const char *comma = "";

    for (int i = 0; i < 32; i++) {
        if (!(facts & (1u << i)))
            continue;
        g_string_append_printf(out, "%s%s", comma, words[i]);
        comma = "; ";
    }
}

static char *
print(const RlDecision *rules, const char *const *facts, const char *const *actions)
{
    GString *out = g_string_new("| if | and not | then |\n|---|---|---|\n");
    guint rows = rows_of(rules);

    for (guint i = 0; i < rows; i++) {
        g_string_append(out, "| ");
        print_facts(out, rules[i].all, facts);
        if (i == rows - 1)
            g_string_append(out, "else");
        g_string_append(out, " | ");
        print_facts(out, rules[i].none, facts);
        g_string_append_printf(out, " | %s |\n", actions[rules[i].action]);
    }
    return g_string_free(out, FALSE);
}

static void
require_printed(const char *page, char *table)
{
    if (!strstr(page, table))
        g_error("docs/domains.md has another table than this:\n%s", table);
    g_free(table);
}

static void
test_is_documented(void)
{
    g_autofree char *page = NULL;

    g_assert_true(g_file_get_contents(SOURCE_DIR "/docs/domains.md", &page, NULL, NULL));
    require_printed(page, print(rl_start_rules(), takeover_facts, takeover_actions));
    require_printed(page, print(rl_stop_whose_rules(), stop_facts, stop_actions));
    require_printed(page, print(rl_stop_image_rules(), stop_facts, stop_actions));
}

void
add_tests(void)
{
    g_test_add_func("/decision/takeover", test_takeover);
    g_test_add_func("/decision/stop", test_stop);
    g_test_add_func("/decision/asks-what-it-needs", test_asks_what_it_needs);
    g_test_add_func("/decision/is-documented", test_is_documented);
}
