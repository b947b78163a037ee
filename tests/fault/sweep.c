/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sweep FS: lets every operation of the engine fail, and be killed, at every one of its system
 * calls, on the file system in RL_TEST_DIR_FS. See run. */
#include "sweep.h"
#include "device.h"
#include "harness/tree.h"
#include "journal.h"
#include "look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define COPYLESS_EVERY 5
#define CONFINED_EVERY 6

static void
need_no(GError *error, const Operation *operation, const char *when)
{
    if (error)
        g_error("%s: %s: %s", operation->name, when, error->message);
}

static void
restore(const Sweep *sweep)
{
    journal_empty();
    device_detach();
    tree_restore(sweep->prepared, sweep->work);
    tree_empty(RL_LOCK_DIR);
    if (sweep->operation->flags & OP_ON_DEVICE) {
        Site site = {.path = sweep->pool};
        g_autofree char *dirty = site_file(&site, V, RL_FILE_DIRTY);
        device_attach(dirty);
    }
}

/* --- one point */

/* "0:17:EIO", as FAULT_POINT takes it. */
static char *
point_name(const Fault *fault)
{
    const char *what = fault->kind == FAULT_SHORT         ? "short"
                       : fault->kind == FAULT_KILL_BEFORE ? "kill-before"
                       : fault->kind == FAULT_KILL_AFTER  ? "kill-after"
                                                          : call_errno_name(fault->code);

    return g_strdup_printf("%d:%d:%s", fault->thread, fault->number, what);
}

/* Does the operation once more, or what comes in its place, now undisturbed. */
static bool
do_again(const Sweep *sweep, bool same, GError **error)
{
    const Operation *operation = sweep->operation;
    Outcome outcome = fault_run(same || !operation->again ? operation->run : operation->again,
                                sweep->work, NULL, NULL);

    return outcome.ok ||
           rl_fail(error, RL_ERROR_INVALID, "it fails when it is tried again: %s", outcome.message);
}

/* The second attempt is killed, too, at a call that differs from point to point. */
static bool
kill_again(const Sweep *sweep, const Call *call, GError **error)
{
    const Operation *operation = sweep->operation;
    guint index = (sweep->seen * 7919) % sweep->calls->len;
    const Call *at = &g_array_index(sweep->calls, Call, index);
    Fault fault = {FAULT_KILL_BEFORE, at->thread, at->number, 0};
    Outcome outcome =
        fault_run(operation->again ? operation->again : operation->run, sweep->work, &fault, NULL);
    g_autofree char *now = look_state(sweep->work, error);

    if (!now)
        return false;
    if (outcome.died)
        return rl_fail(error, RL_ERROR_INVALID, "the second attempt crashed");
    /* What comes in the operation's place has states of its own between. */
    if (operation->again)
        return true;
    return judge_device(sweep, &outcome, error) &&
           judge(sweep, outcome.hit ? at : call, &outcome, now, error);
}

static bool
is_loose(const Sweep *sweep, const Call *call, const Outcome *outcome, const char *now)
{
    int flags = sweep->operation->flags;

    return strstr(now, " suspect ") || (outcome->killed && (flags & OP_COUNTS_AS_WRITTEN)) ||
           (outcome->ok && ((flags & OP_IS_CAREFUL) || judge_is_in_doubt(sweep, call, now)));
}

static bool
is_tidied(const Sweep *sweep, const char *now)
{
    g_autofree char *unnumbered = look_unnumbered(now), *wanted = look_unnumbered(sweep->tidied);

    return strcmp(now, sweep->tidied) == 0 ||
           ((sweep->operation->flags & OP_SKIPS_NUMBERS) && strcmp(unnumbered, wanted) == 0);
}

/* Where the states before and after look the same, how it looks does not tell. */
static bool
is_done(const Sweep *sweep, const Outcome *outcome, const char *now)
{
    return strcmp(now, sweep->new) == 0 && device_size() == sweep->new_size &&
           (outcome->ok || strcmp(sweep->old, sweep->new) != 0);
}

/* Goes on from @now to the new state. */
static bool
recover(const Sweep *sweep, const Call *call, const Outcome *outcome, const char *now,
        GError **error)
{
    bool loose = is_loose(sweep, call, outcome, now);
    bool done = is_done(sweep, outcome, now) || (outcome->ok && loose);
    bool same =
        (!outcome->killed && strcmp(now, sweep->old) == 0) || judge_is_ended(sweep, outcome, now);

    if (!done && outcome->killed && !kill_again(sweep, call, error))
        return false;
    if (!done && outcome->killed) {
        g_autofree char *then = look_state(sweep->work, error);
        done = then && is_done(sweep, outcome, then);
    }
    if (!done && !strstr(now, " suspect ") && !do_again(sweep, same, error))
        return false;
    if (!look_tidy(sweep->work, error))
        return false;
    g_autofree char *tidied = look_state(sweep->work, error);
    if (!tidied)
        return false;
    if (!loose && !is_tidied(sweep, tidied))
        return rl_fail(error, RL_ERROR_INVALID, "when all is done it is not the new state:\n%s",
                       tidied);
    if (!loose && device_size() != sweep->new_size)
        return rl_fail(error, RL_ERROR_INVALID,
                       "when all is done the loop device has its old size");
    device_detach();
    return look_use(sweep->work, error);
}

/* Is @call one that the operation made only when its calls were learned? On a busy machine that run
 * may have copied twice (learn()). */
static bool
is_of_that_run(const Sweep *sweep, const Call *call)
{
    g_autoptr(GArray) calls = g_array_new(FALSE, TRUE, sizeof(Call));
    bool made = false;

    restore(sweep);
    Outcome outcome = fault_run(sweep->operation->run, sweep->work, NULL, calls);
    for (guint i = 0; i < calls->len; i++) {
        const Call *other = &g_array_index(calls, Call, i);
        made = made || (other->thread == call->thread && other->number == call->number);
    }
    device_detach();
    return outcome.ok && !made;
}

static bool
try_point(const Sweep *sweep, const Call *call, const Fault *fault, GError **error)
{
    restore(sweep);
    Outcome outcome = fault_run(sweep->operation->run, sweep->work, fault, NULL);
    if (!outcome.hit)
        return is_of_that_run(sweep, call) ||
               rl_fail(error, RL_ERROR_INVALID, "it did not come to this call");
    if (outcome.died)
        return rl_fail(error, RL_ERROR_INVALID, "it crashed");
    if (!judge_device(sweep, &outcome, error) || !judge_sync(sweep, call, fault, &outcome, error))
        return false;
    /* While it is open for writing it runs, whatever it is marked as. */
    if (call->syncs_dirty && !outcome.ok && !outcome.killed)
        device_detach();
    g_autofree char *now = look_state(sweep->work, error);
    return now && judge(sweep, call, &outcome, now, error) &&
           recover(sweep, call, &outcome, now, error);
}

static void
point(Sweep *sweep, const Call *call, FaultKind kind, int code)
{
    Fault fault = {kind, call->thread, call->number, code};
    g_autofree char *name = point_name(&fault);
    g_autoptr(GError) error = NULL;

    sweep->seen++;
    if (sweep->only ? strcmp(sweep->only, name) != 0
                    : (sweep->seen + sweep->first) % sweep->every != 0)
        return;
    sweep->points++;
    if (try_point(sweep, call, &fault, &error))
        return;
    sweep->losses++;
    if (sweep->losses == 1)
        g_print("%s, before:\n%sand after:\n%s", sweep->operation->name, sweep->old, sweep->new);
    g_print("LOSS at %s, call %d of thread %d, %s, %s: %s\n"
            "  to repeat: FAULT_OPERATION=%s FAULT_POINT=%s tests/fault/run %s\n",
            sweep->operation->name, call->number, call->thread, call->text, strrchr(name, ':') + 1,
            error->message, sweep->operation->name, name, g_getenv("FS"));
}

/* --- one operation */

static void
learn(Sweep *sweep)
{
    const Operation *operation = sweep->operation;
    GError *error = NULL;

    restore(sweep);
    sweep->old = look_state(sweep->work, &error);
    sweep->old_size = device_size();
    need_no(error, operation, "before it");
    /* What was prepared a moment ago can be dated ahead of the clock's last tick, and is then
     * copied twice (stable-copy.h). No later run finds it so. */
    g_usleep(20000);
    Outcome outcome = fault_run(operation->run, sweep->work, NULL, sweep->calls);
    if (!outcome.ok)
        g_error("%s fails undisturbed: %s", operation->name, outcome.message);
    sweep->new = look_state(sweep->work, &error);
    sweep->new_size = device_size();
    need_no(error, operation, "after it");
    look_tidy(sweep->work, &error);
    need_no(error, operation, "tidying up after it");
    sweep->tidied = look_state(sweep->work, &error);
    need_no(error, operation, "after tidying up");
    device_detach();
    look_use(sweep->work, &error);
    need_no(error, operation, "after use");
}

/* Does the operation look for data in a file, to copy it? */
static bool
copies(const Sweep *sweep)
{
    for (guint i = 0; i < sweep->calls->len; i++)
        if (g_array_index(sweep->calls, Call, i).nr == SYS_lseek)
            return true;
    return false;
}

static guint
errnos_of(const Call *call)
{
    guint count = 0;

    while (call->errnos[count])
        count++;
    return count;
}

static void
sweep_operation(const char *base, const Operation *operation, guint *points, guint *losses)
{
    const char *every = g_getenv("FAULT_EVERY"), *seed = g_getenv("FAULT_SEED");
    Sweep sweep = {.operation = operation,
                   .prepared = g_build_filename(base, "prepared", NULL),
                   .work = g_build_filename(base, "work", NULL),
                   .pool = g_build_filename(base, "work/pool", NULL),
                   .calls = g_array_new(FALSE, TRUE, sizeof(Call)),
                   .only = g_getenv("FAULT_POINT"),
                   .every = MAX(every ? (guint) strtoul(every, NULL, 10) : 1, 1),
                   .first = seed ? (guint) strtoul(seed, NULL, 10) % G_MAXUINT16 : 0};
    gint64 began = g_get_monotonic_time();
    GError *error = NULL;

    if ((operation->flags & OP_CONFINED) && access("/proc/self/attr", F_OK) < 0) {
        g_print("%s: this kernel has no security modules\n", operation->name);
        return;
    }
    tree_empty(sweep.prepared);
    g_autofree char *prepared = g_build_filename(sweep.prepared, "pool", NULL);
    steps_play(operation->prepare, prepared, NULL, &error);
    need_no(error, operation, "its preparation");
    fault_confine(operation->flags & OP_CONFINED);
    learn(&sweep);
    /* Names of new files make no difference to most of what there is. */
    if (operation->flags & OP_CONFINED)
        sweep.every *= CONFINED_EVERY;
    /* What copies nothing is as it is where there are reflinks, and is swept there. */
    if (pools_copy() && !copies(&sweep))
        sweep.every *= COPYLESS_EVERY;
    for (guint i = 0; i < sweep.calls->len; i++) {
        const Call *call = &g_array_index(sweep.calls, Call, i);
        guint ways = errnos_of(call);
        /* What has done its work all the same, and what is the log's, fails in one of its ways
         * each, in turn: there are many, and no way differs from another. */
        bool once = call->runs || call->logs;
        for (guint n = 0; n < (once ? 1 : ways); n++)
            point(&sweep, call, FAULT_ERRNO, call->errnos[once ? i % ways : n]);
        /* Nor does the disk change between it and the next one. */
        if (call->logs)
            continue;
        if (call->length > 1)
            point(&sweep, call, FAULT_SHORT, 0);
        point(&sweep, call, FAULT_KILL_BEFORE, 0);
        /* After one that changes nothing all is as it is before the next. */
        if (call->changes)
            point(&sweep, call, FAULT_KILL_AFTER, 0);
    }
    g_print("%-24s %4u calls %5u points %3u losses %6.1f s\n", operation->name, sweep.calls->len,
            sweep.points, sweep.losses, (double) (g_get_monotonic_time() - began) / G_USEC_PER_SEC);
    *points += sweep.points;
    *losses += sweep.losses;
}

int
main(int argc, char **argv)
{
    g_autofree char *base = argc == 2 ? test_dir(argv[1]) : NULL;
    const char *only = g_getenv("FAULT_OPERATION");
    guint points = 0, losses = 0;

    if (!base) {
        g_printerr("usage: tests/fault/run xfs|btrfs|ext4\n");
        return 2;
    }
    g_setenv("FS", argv[1], TRUE);
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* Read once, before anything is counted: by libc, by GLib, and by what converts text. */
    tzset();
    g_time_zone_unref(g_time_zone_new_local());
    g_get_charset(NULL);
    g_free(g_convert("", 0, "UTF-16", "UTF-8", NULL, NULL, NULL));
    for (const char *const *dir = (const char *const[]){"prepared", "work", NULL}; *dir; dir++) {
        g_autofree char *path = g_build_filename(base, *dir, NULL);
        g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
    }
    journal_open();
    device_prepare();
    for (const Operation *operation = operations; operation->name; operation++)
        if (!(operation->flags & OP_NOT_SWEPT) &&
            (!only || g_pattern_match_simple(only, operation->name)))
            sweep_operation(base, operation, &points, &losses);
    device_remove();
    g_print("%u points swept on %s, %u losses\n", points, argv[1], losses);
    return points == 0 || losses > 0;
}
