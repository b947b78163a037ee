/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/operation/prune.h"

#include <stdlib.h>
#include <unistd.h>

#include "backend/cli/after-change.h"
#include "backend/cli/age-option.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/question.h"
#include "backend/cli/size-option.h"
#include "backend/cli/table.h"
#include "common/base/error.h"
#include "common/fs/settle-frees.h"
#include "common/operation/maintenance.h"
#include "common/pool/scan.h"

typedef struct {
    RlRetention keep; /* newest is -1: as many as the pool's options say */
    gint64 before_us; /* G_MAXINT64: whatever the age */
    guint64 min_free; /* bytes: no more goes than is needed for that; 0: all goes */
    bool failed;
} Prune;

/* The names of what goes of the volume @name are added to @names. */
static void
prune_volume(const RlCall *call, Prune *prune, const char *name, bool dry_run, GPtrArray *names)
{
    RlPruneRule rule = {
        .keep = prune->keep,
        .before_us = prune->before_us,
        .dry_run = dry_run,
    };
    g_autoptr(GError) error = NULL;
    guint before = names->len;

    if (rule.keep.newest < 0)
        rule.keep = *rl_options_keep(call->pool->options, name);
    bool done = rl_volume_prune_by(call->pool, name, &rule, names, &error);
    if (done && !dry_run && names->len > before)
        done = rl_after_change(call->pool, name, false, &error);
    if (done)
        return;
    rl_error_about(&error, "volume", name);
    rl_call_warn(call, "%s", error->message);
    prune->failed = true;
}

static void
prune_all(const RlCall *call, Prune *prune, const GPtrArray *volumes, bool dry_run,
          GPtrArray *names)
{
    for (guint i = 0; i < volumes->len; i++)
        prune_volume(call, prune, g_ptr_array_index(volumes, i), dry_run, names);
}

/* The volume that was named, or all that have automatic revisions. */
static GPtrArray *
find_volumes(const RlCall *call, GError **error)
{
    g_autoptr(GPtrArray) volumes = g_ptr_array_new_with_free_func(g_free);

    if (rl_call_name(call, 0)) {
        g_ptr_array_add(volumes, g_strdup(rl_call_name(call, 0)));
        return g_steal_pointer(&volumes);
    }
    g_autoptr(GPtrArray) listed = rl_scan(call->pool, error);
    for (guint i = 0; listed && i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        if (one->exists && rl_revisions_newest(one->revisions))
            g_ptr_array_add(volumes, g_strdup(one->name));
    }
    return listed ? g_steal_pointer(&volumes) : NULL;
}

static void
say_names(const RlCall *call, const GPtrArray *names, const char *what)
{
    for (guint i = 0; i < names->len; i++)
        rl_call_say(call, "%s %s.", (const char *) g_ptr_array_index(names, i), what);
}

/* Bytes. What was removed counts when the file system has written that; XFS frees it only later. */
static bool
get_free(const RlPool *pool, guint64 *ret_free, GError **error)
{
    uint64_t capacity, available;

    rl_settle_frees(pool->root);
    syncfs(pool->root);
    if (!rl_pool_space(pool, &capacity, &available, error))
        return false;
    *ret_free = available;
    return true;
}

/* A revision that may go. */
typedef struct {
    gint64 us;  /* when it was put aside, as rl_volume_prune_by() reads it */
    char *name; /* owned */
} Aged;

static void
aged_clear(void *data)
{
    g_free(((Aged *) data)->name);
}

static gint
compare_ages(gconstpointer a, gconstpointer b)
{
    gint64 one = ((const Aged *) a)->us, other = ((const Aged *) b)->us;

    return one < other ? -1 : one > other;
}

/* Those of @names that are there, of Aged; the oldest first. */
static GArray *
find_ages(const RlPool *pool, const GPtrArray *names, GError **error)
{
    g_autoptr(GPtrArray) listed = rl_scan(pool, error);
    g_autoptr(GHashTable) wanted = g_hash_table_new(g_str_hash, g_str_equal);
    GArray *ages = listed ? g_array_new(FALSE, FALSE, sizeof(Aged)) : NULL;

    if (ages)
        g_array_set_clear_func(ages, aged_clear);
    for (guint i = 0; i < names->len; i++)
        g_hash_table_add(wanted, g_ptr_array_index(names, i));
    for (guint i = 0; listed && i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        for (guint j = 0; j < one->revisions->len; j++) {
            const RlRevision *revision = g_ptr_array_index(one->revisions, j);
            g_autofree char *name = rl_revision_name(revision, one->name);
            const struct timespec *when = &revision->st.st_ctim;
            Aged aged = {.us = when->tv_sec * G_USEC_PER_SEC + when->tv_nsec / 1000};
            if (!g_hash_table_contains(wanted, name))
                continue;
            aged.name = g_steal_pointer(&name);
            g_array_append_val(ages, aged);
        }
    }
    if (ages)
        g_array_sort(ages, compare_ages);
    return ages;
}

/* Of @names, all that may go, none if there is enough space; in the order in which they would. */
static bool
order_for_space(const RlCall *call, const Prune *prune, GPtrArray *names, GError **error)
{
    g_autoptr(GArray) ages = find_ages(call->pool, names, error);
    guint64 available;

    if (!ages || !get_free(call->pool, &available, error))
        return false;
    g_ptr_array_set_size(names, 0);
    for (guint i = 0; available < prune->min_free && i < ages->len; i++)
        g_ptr_array_add(names, g_strdup(g_array_index(ages, Aged, i).name));
    return true;
}

/* The oldest of @wanted, whosever they are, until there is enough space; what went is added to
 * @names. */
static bool
prune_for_space(const RlCall *call, const Prune *prune, const GPtrArray *volumes,
                const GPtrArray *wanted, GPtrArray *names, GError **error)
{
    g_autoptr(GArray) ages = find_ages(call->pool, wanted, error);
    Prune step = *prune;
    guint64 available = 0;

    for (guint i = 0; ages && i < ages->len; i++) {
        if (!get_free(call->pool, &available, error))
            return false;
        if (available >= prune->min_free)
            return true;
        step.before_us = MIN(prune->before_us, g_array_index(ages, Aged, i).us + 1);
        prune_all(call, &step, volumes, false, names);
        if (step.failed)
            return false;
    }
    return ages && get_free(call->pool, &available, error);
}

/* Is there as much space as was asked for? */
static bool
require_free(const RlCall *call, const Prune *prune, GError **error)
{
    guint64 available;

    if (!prune->min_free || !get_free(call->pool, &available, error))
        return !prune->min_free;
    rl_json_number(call->document->json, "available", available);
    if (available >= prune->min_free)
        return true;
    g_autofree char *left = rl_table_size(available), *asked = rl_table_size(prune->min_free);
    return rl_fail(
        error, RL_ERROR_STATE,
        "only %s of the file system of pool '%s' are free, less than the %s of --min-free, and no "
        "other revision can be removed by these options. Delete volumes or named revisions, or "
        "enlarge the file system",
        left, call->pool->path, asked);
}

static bool
remove_wanted(RlCall *call, Prune *prune, const GPtrArray *volumes, const GPtrArray *wanted,
              GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    bool done = true;

    if (prune->min_free)
        done = prune_for_space(call, prune, volumes, wanted, names, error);
    else
        prune_all(call, prune, volumes, false, names);
    rl_document_strings(call->document->json, "removed", names);
    call->document->changed = names->len > 0;
    say_names(call, names, "is removed");
    if (names->len == 0)
        rl_call_say(call, "There is nothing to remove.");
    else
        rl_after_space(call);
    return done && !prune->failed && require_free(call, prune, error);
}

static RlExit
run(RlCall *call, Prune *prune, bool yes, bool dry_run, GError **error)
{
    g_autoptr(GPtrArray) volumes = find_volumes(call, error);
    g_autoptr(GPtrArray) wanted = g_ptr_array_new_with_free_func(g_free);

    if (!volumes)
        return RL_EXIT_FAILED;
    prune_all(call, prune, volumes, true, wanted);
    if (prune->min_free && !order_for_space(call, prune, wanted, error))
        return RL_EXIT_FAILED;
    rl_document_strings(call->document->json, "candidates", wanted);
    call->document->planned = dry_run;
    if (dry_run || prune->failed) {
        say_names(call, wanted,
                  prune->min_free ? "would be removed, if it is needed" : "would be removed");
        if (wanted->len == 0 && !prune->failed)
            rl_call_say(call, "There is nothing to remove.");
        return rl_call_done(!prune->failed);
    }
    if (wanted->len > 0 &&
        !rl_ask(call, yes, error, "Remove %s%u revisions (--dry-run names them)?",
                prune->min_free ? "up to " : "", wanted->len))
        return RL_EXIT_FAILED;
    return rl_call_done(remove_wanted(call, prune, volumes, wanted, error));
}

/* What was asked for is all that is: without a number, and without anything else, as many stay as
 * the pool's options say. */
static RlExit
settle(RlCall *call, Prune *prune, const char *age, const char *size)
{
    RlRetention *keep = &prune->keep;
    guint64 seconds = 0;

    if (keep->newest < -1 || keep->hourly < 0 || keep->daily < 0 || keep->weekly < 0)
        return rl_call_misused(call, "prune: a number of revisions to keep must be 0 or more");
    if (age && !rl_age_parse(age, &seconds))
        return rl_call_misused(call, "prune: --older-than must be a number and s, m, h, d or w");
    if (size && (!rl_size_parse(size, &prune->min_free) || prune->min_free == 0))
        return rl_call_misused(call, "prune: --min-free must be a number of bytes, or of K, M, G "
                                     "or T");
    if (keep->newest < 0 &&
        (age || size || keep->hourly > 0 || keep->daily > 0 || keep->weekly > 0))
        keep->newest = 0;
    prune->before_us = age ? g_get_real_time() - (gint64) seconds * G_USEC_PER_SEC : G_MAXINT64;
    return RL_EXIT_DONE;
}

RlExit
rl_command_prune(RlCall *call, GError **error)
{
    Prune prune = {.keep = {.newest = -1}};
    gboolean yes = FALSE, dry_run = FALSE;
    g_autofree char *age = NULL, *size = NULL;
    const GOptionEntry options[] = {
        {"keep", 'k', 0, G_OPTION_ARG_INT, &prune.keep.newest,
         "Keep the newest N automatic revisions (default: what the pool's options say)", "N"},
        {"keep-hourly", 0, 0, G_OPTION_ARG_INT, &prune.keep.hourly,
         "Keep the newest one of each of the last N hours that have one", "N"},
        {"keep-daily", 0, 0, G_OPTION_ARG_INT, &prune.keep.daily, "The same for days", "N"},
        {"keep-weekly", 0, 0, G_OPTION_ARG_INT, &prune.keep.weekly, "The same for weeks", "N"},
        {"older-than", 'o', 0, G_OPTION_ARG_FILENAME, &age,
         "Remove only what became a revision longer ago: 12h, 30d, 8w", "AGE"},
        {"min-free", 'f', 0, G_OPTION_ARG_STRING, &size,
         "Remove the oldest ones, and no more than is needed to have SIZE free: 50G", "SIZE"},
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry_run, "Say what would be removed", NULL},
        {"yes", 'y', 0, G_OPTION_ARG_NONE, &yes, "Ask no question", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    RlExit exit = settle(call, &prune, age, size);
    return exit == RL_EXIT_DONE ? run(call, &prune, yes, dry_run, error) : exit;
}
