/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator says about a pool: how many revisions, which rules for which volumes. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* What becomes of a volume's writes when its domain stops. */
typedef enum {
    RL_KIND_PERSISTENT, /* committed: the clean image becomes a revision */
    RL_KIND_SNAPSHOT,   /* dropped; each start takes the source's clean image as it is then */
    RL_KIND_VOLATILE,   /* dropped; each start gets an empty image */
    RL_KIND_DIRECT,     /* kept in place: no copy on write, no revisions */
} RlKind;

/* Every automatic revision counts against this, unless a rule says otherwise. */
#define RL_KEEP_DEFAULT 1
#define RL_KEEP_MAX 100000

/* Which automatic revisions of a volume are kept: those that one of these keeps (keep-rules.h).
 * Each is 0 to RL_KEEP_MAX. */
typedef struct {
    int newest;                /* how many, whatever their time */
    int hourly, daily, weekly; /* the newest of each of so many hours, days and weeks */
} RlRetention;

/* A rule for the volumes whose name matches. */
typedef struct {
    char *match;      /* fnmatch(3) pattern, FNM_PATHNAME, on the volume's name */
    RlRetention keep; /* newest is -1 where it says nothing of this */
    int kind;         /* an RlKind, or -1; never RL_KIND_SNAPSHOT, which needs a source */
    int backing;      /* the RlKind of what is created with a backing store, or -1; never
                         RL_KIND_VOLATILE */
} RlRule;

#define RL_WARN_FREE_DEFAULT 5 /* XFS and btrfs may then refuse what a commit needs */
#define RL_WARN_FREE_MAX 99

typedef struct {
    RlRetention keep;   /* where no rule speaks; the newest RL_KEEP_DEFAULT */
    int warn_free;      /* a warning is given below so many percent of free space; 0: never */
    bool fallback_copy; /* a file system without reflinks will do */
    bool path_links;    /* the path of a volume is a link in the pool's directory, also at rest
                           (common/image/volume-path.h) */
    GPtrArray *rules;   /* RlRule, in the order of the document: the last that matches wins */
    char *mark; /* of a marker: the pool's own mark (pool-mark.h), or NULL; nobody's wish, so no
                   part of what rl_options_equal() compares */
} RlOptions;

/**
 * rl_options_new:
 * Returns the defaults: RL_KEEP_DEFAULT, RL_WARN_FREE_DEFAULT, no fallback, no rule. Owned by the
 * caller.
 */
RlOptions *rl_options_new(void);

/**
 * rl_options_copy:
 * Returns a deep copy of @options, owned by the caller.
 */
RlOptions *rl_options_copy(const RlOptions *options);

/**
 * rl_options_free:
 * Frees @options and its rules; nothing for NULL.
 */
void rl_options_free(RlOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlOptions, rl_options_free)

/**
 * rl_options_add_rule:
 * Appends a rule; @match is copied, @keep (the newest) and @kind are -1 where the rule says
 * nothing. It says nothing of backing stores. Returns it, borrowed.
 */
RlRule *rl_options_add_rule(RlOptions *options, const char *match, int keep, int kind);

/**
 * rl_options_equal:
 * True if both say the same, rule for rule; marks aside.
 */
bool rl_options_equal(const RlOptions *a, const RlOptions *b);

/**
 * rl_options_keep:
 * Returns which automatic revisions the volume @name keeps; borrowed.
 */
const RlRetention *rl_options_keep(const RlOptions *options, const char *name);

/**
 * rl_options_kind:
 * Returns the kind that the rules give a new volume @name: RL_KIND_PERSISTENT where none speaks.
 */
RlKind rl_options_kind(const RlOptions *options, const char *name);

/**
 * rl_options_backing:
 * Returns the kind that the rules give a new volume @name that is created with a backing store:
 * RL_KIND_SNAPSHOT where none speaks.
 */
RlKind rl_options_backing(const RlOptions *options, const char *name);

/**
 * rl_kind_to_string:
 * Returns the word for @kind in documents and messages; static.
 */
const char *rl_kind_to_string(RlKind kind);

/**
 * rl_kind_from_string:
 * Returns the RlKind for @word, -1 for an unknown word.
 */
int rl_kind_from_string(const char *word);
