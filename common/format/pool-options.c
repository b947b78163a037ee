/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-options.h"

#include <fnmatch.h>
#include <string.h>

static const char *const kind_words[] = {
    [RL_KIND_PERSISTENT] = "persistent",
    [RL_KIND_SNAPSHOT] = "snapshot",
    [RL_KIND_VOLATILE] = "volatile",
    [RL_KIND_DIRECT] = "direct",
};

static void
rule_free(void *data)
{
    RlRule *rule = data;

    g_free(rule->match);
    g_free(rule);
}

RlOptions *
rl_options_new(void)
{
    RlOptions *options = g_new0(RlOptions, 1);

    options->keep.newest = RL_KEEP_DEFAULT;
    options->warn_free = RL_WARN_FREE_DEFAULT;
    options->rules = g_ptr_array_new_with_free_func(rule_free);
    return options;
}

RlOptions *
rl_options_copy(const RlOptions *options)
{
    RlOptions *copy = rl_options_new();

    copy->keep = options->keep;
    copy->warn_free = options->warn_free;
    copy->fallback_copy = options->fallback_copy;
    copy->path_links = options->path_links;
    for (guint i = 0; i < options->rules->len; i++) {
        const RlRule *rule = g_ptr_array_index(options->rules, i);
        RlRule *added = rl_options_add_rule(copy, rule->match, -1, rule->kind);
        added->keep = rule->keep;
        added->backing = rule->backing;
    }
    copy->mark = g_strdup(options->mark);
    return copy;
}

void
rl_options_free(RlOptions *options)
{
    if (!options)
        return;
    g_ptr_array_unref(options->rules);
    g_free(options->mark);
    g_free(options);
}

RlRule *
rl_options_add_rule(RlOptions *options, const char *match, int keep, int kind)
{
    RlRule *rule = g_new0(RlRule, 1);

    rule->match = g_strdup(match);
    rule->keep.newest = keep;
    rule->kind = kind;
    rule->backing = -1;
    g_ptr_array_add(options->rules, rule);
    return rule;
}

static bool
keep_equal(const RlRetention *a, const RlRetention *b)
{
    return a->newest == b->newest && a->hourly == b->hourly && a->daily == b->daily &&
           a->weekly == b->weekly;
}

static bool
rule_equal(const RlRule *a, const RlRule *b)
{
    return strcmp(a->match, b->match) == 0 && keep_equal(&a->keep, &b->keep) &&
           a->kind == b->kind && a->backing == b->backing;
}

bool
rl_options_equal(const RlOptions *a, const RlOptions *b)
{
    if (!keep_equal(&a->keep, &b->keep) || a->warn_free != b->warn_free ||
        a->fallback_copy != b->fallback_copy || a->path_links != b->path_links ||
        a->rules->len != b->rules->len)
        return false;
    for (guint i = 0; i < a->rules->len; i++)
        if (!rule_equal(g_ptr_array_index(a->rules, i), g_ptr_array_index(b->rules, i)))
            return false;
    return true;
}

static bool
rule_matches(const RlRule *rule, const char *name)
{
    return fnmatch(rule->match, name, FNM_PATHNAME) == 0;
}

const RlRetention *
rl_options_keep(const RlOptions *options, const char *name)
{
    for (guint i = options->rules->len; i-- > 0;) {
        const RlRule *rule = g_ptr_array_index(options->rules, i);
        if (rule->keep.newest >= 0 && rule_matches(rule, name))
            return &rule->keep;
    }
    return &options->keep;
}

RlKind
rl_options_kind(const RlOptions *options, const char *name)
{
    for (guint i = options->rules->len; i-- > 0;) {
        const RlRule *rule = g_ptr_array_index(options->rules, i);
        if (rule->kind >= 0 && rule_matches(rule, name))
            return (RlKind) rule->kind;
    }
    return RL_KIND_PERSISTENT;
}

RlKind
rl_options_backing(const RlOptions *options, const char *name)
{
    for (guint i = options->rules->len; i-- > 0;) {
        const RlRule *rule = g_ptr_array_index(options->rules, i);
        if (rule->backing >= 0 && rule_matches(rule, name))
            return (RlKind) rule->backing;
    }
    return RL_KIND_SNAPSHOT;
}

const char *
rl_kind_to_string(RlKind kind)
{
    return kind_words[kind];
}

int
rl_kind_from_string(const char *word)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kind_words); i++)
        if (strcmp(word, kind_words[i]) == 0)
            return (int) i;
    return -1;
}
