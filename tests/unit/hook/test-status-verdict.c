/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's status of a domain says of the end of its run, and both it and the log together.
 */
#include <glib.h>

#include "backend/hook/status-and-log.c"
#include "backend/hook/status-verdict.c"

#define ALONE true
#define WITH_LOG false

typedef struct {
    const char *state, *reason, *job, *async, *phase;
    RlEndReason ending;
    bool alone, arrived;
} Row;

static const Row rows[] = {
    /* destroyed, or shut down by the guest; by its emulator's death; crashed; suspended */
    {"shutdown", "unknown", "destroy", "none", "none", RL_END_STOPPED, ALONE, false},
    {"shutdown", "user", "destroy", "none", "none", RL_END_STOPPED, ALONE, false},
    {"running", "booted", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"running", "restored", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"running", "migrated", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"running", "save canceled", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"running", "from snapshot", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"paused", "from snapshot", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"paused", "user", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"paused", "ioerror", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"paused", "unknown", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"crashed", "panicked", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"pmsuspended", "unknown", "destroy", "none", "none", RL_END_STOPPED, ALONE, true},
    {"running", "booted", "destroy", "backup", "none", RL_END_STOPPED, ALONE, true},
    /* with a dump */
    {"paused", "dump", "none", "dump", "none", RL_END_STOPPED, WITH_LOG, true},
    {"crashed", "panicked", "none", "dump", "none", RL_END_STOPPED, WITH_LOG, true},
    /* the last status of one that a daemon has found dead */
    {"running", "booted", "none", "none", "none", RL_END_STOPPED, WITH_LOG, true},
    {"paused", "user", "none", "none", "none", RL_END_STOPPED, WITH_LOG, true},
    {"running", "booted", "none", "start", "none", RL_END_STOPPED, WITH_LOG, true},
    {"running", "booted", "none", "backup", "none", RL_END_STOPPED, WITH_LOG, true},
    /* saved, when it ran, when it was paused, and when it had been restored paused */
    {"paused", "save", "none", "save", "none", RL_END_SAVED, ALONE, true},
    {"paused", "user", "none", "save", "none", RL_END_SAVED, ALONE, true},
    {"paused", "migration", "none", "save", "none", RL_END_SAVED, ALONE, false},
    /* as libvirt 11.3.0 leaves it: also of who is asked to end in the middle of a save */
    {"shutdown", "unknown", "none", "save", "none", RL_END_SAVED, WITH_LOG, false},
    /* died while it was saved */
    {"paused", "save", "destroy", "save", "none", RL_END_UNKNOWN, ALONE, true},
    {"running", "booted", "destroy", "save", "none", RL_END_UNKNOWN, ALONE, true},
    {"running", "booted", "none", "save", "none", RL_END_UNKNOWN, ALONE, true},
    {"shutdown", "unknown", "destroy", "save", "none", RL_END_UNKNOWN, ALONE, false},
    /* a start, and a restore, that failed */
    {"paused", "starting up", "none", "start", "none", RL_END_FAILED, ALONE, false},
    {"paused", "starting up", "destroy", "start", "none", RL_END_FAILED, ALONE, false},
    {"paused", "starting up", "none", "none", "none", RL_END_FAILED, ALONE, false},
    {"paused", "migration", "none", "start", "none", RL_END_FAILED, ALONE, false},
    {"paused", "starting up", "none", "migration in", "prepare", RL_END_FAILED, ALONE, false},
    /* a migration to here that was broken off, from there, by a death, from outside */
    {"paused", "migration", "none", "migration in", "finish3", RL_END_ARRIVING, ALONE, false},
    {"paused", "migration", "none", "migration in", "prepare", RL_END_ARRIVING, ALONE, false},
    {"paused", "migration", "destroy", "none", "none", RL_END_ARRIVING, ALONE, false},
    {"shutdown", "unknown", "destroy", "migration in", "prepare", RL_END_ARRIVING, ALONE, false},
    {"shutdown", "unknown", "destroy", "migration in", "finish3", RL_END_UNKNOWN, ALONE, false},
    {"running", "migrated", "none", "migration in", "finish3", RL_END_STOPPED, WITH_LOG, true},
    /* broken off from there, as libvirt 11.3.0 leaves it; by a phase that takes it up again */
    {"shutdown", "unknown", "none", "migration in", "finish3", RL_END_ARRIVING, WITH_LOG, false},
    {"shutdown", "unknown", "none", "migration in", "finish2", RL_END_UNKNOWN, ALONE, false},
    {"shutdown", "unknown", "none", "migration in", "finish_resume", RL_END_UNKNOWN, ALONE, false},
    /* migrated away; and not */
    {"paused", "migration", "none", "migration out", "confirm3", RL_END_MIGRATED, ALONE, false},
    {"paused", "user", "none", "migration out", "confirm3", RL_END_MIGRATED, ALONE, true},
    {"paused", "ioerror", "none", "migration out", "confirm3", RL_END_MIGRATED, ALONE, true},
    {"shutdown", "unknown", "none", "migration out", "confirm3", RL_END_MIGRATED, WITH_LOG, false},
    {"shutdown", "unknown", "destroy", "migration out", "confirm3", RL_END_UNKNOWN, ALONE, false},
    {"paused", "user", "none", "migration out", "perform3_done", RL_END_UNKNOWN, ALONE, true},
    {"paused", "user", "destroy", "migration out", "confirm3", RL_END_UNKNOWN, ALONE, true},
    {"paused", "migration", "destroy", "migration out", "confirm3", RL_END_UNKNOWN, ALONE, false},
    {"paused", "migration", "none", "migration out", "confirm3_cancelled", RL_END_UNKNOWN, ALONE,
     false},
    {"paused", "migration", "none", "migration out", "perform3_done", RL_END_UNKNOWN, ALONE, false},
    {"running", "booted", "destroy", "migration out", "perform3", RL_END_STOPPED, ALONE, true},
    {"shutdown", "unknown", "destroy", "migration out", "perform3_done", RL_END_UNKNOWN, ALONE,
     false},
    /* in the middle of a post-copy migration nothing is known */
    {"paused", "post-copy", "none", "migration out", "perform3", RL_END_UNKNOWN, ALONE, false},
    {"running", "post-copy", "destroy", "none", "none", RL_END_UNKNOWN, ALONE, false},
    {"paused", "post-copy failed", "destroy", "none", "none", RL_END_UNKNOWN, ALONE, false},
    /* an external snapshot with its memory */
    {"paused", "snapshot", "none", "snapshot", "none", RL_END_UNKNOWN, ALONE, true},
    /* words that are not known */
    {"running", "new", "destroy", "none", "none", RL_END_UNKNOWN, ALONE, false},
    {"new", "unknown", "destroy", "none", "none", RL_END_UNKNOWN, ALONE, false},
    {"running", "booted", "new", "none", "none", RL_END_UNKNOWN, ALONE, true},
    {"running", "booted", "destroy", "new", "none", RL_END_UNKNOWN, ALONE, true},
    {"paused", "migration", "none", "migration out", "new", RL_END_UNKNOWN, ALONE, false},
    {"shutdown", "unknown", "destroy", "migration in", "new", RL_END_UNKNOWN, ALONE, false},
};

static void
test_rows(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *row = &rows[i];
        RlStatus status = {.state = (char *) row->state,
                           .reason = (char *) row->reason,
                           .job = (char *) row->job,
                           .async = (char *) row->async,
                           .phase = (char *) row->phase};
        RlVerdict verdict = rl_verdict_of(&status, true);
        if (verdict.ending != row->ending || verdict.alone != row->alone ||
            verdict.arrived != row->arrived)
            g_error("%s/%s, %s, %s, %s: ending %d, alone %d, arrived %d", row->state, row->reason,
                    row->job, row->async, row->phase, verdict.ending, verdict.alone,
                    verdict.arrived);
    }
}

/* The source of a migration that failed has no mark of one that comes: its guest ran here. */
static void
test_not_arriving(void)
{
    static const struct {
        const char *job, *async, *phase;
        RlEndReason ending;
    } ends[] = {
        {"destroy", "none", "none", RL_END_UNKNOWN},
        {"none", "none", "none", RL_END_UNKNOWN},
        {"none", "migration in", "finish3", RL_END_ARRIVING},
        {"none", "migration out", "confirm3", RL_END_MIGRATED},
        {"none", "start", "none", RL_END_FAILED},
        {"none", "save", "none", RL_END_SAVED},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        RlStatus status = {.state = (char *) "paused",
                           .reason = (char *) "migration",
                           .job = (char *) ends[i].job,
                           .async = (char *) ends[i].async,
                           .phase = (char *) ends[i].phase};
        RlVerdict verdict = rl_verdict_of(&status, false);
        g_assert_cmpint(verdict.ending, ==, ends[i].ending);
        g_assert_true(verdict.alone);
    }
}

static void
assert_join(RlEndReason ending, RlLogEnding log, RlEndReason wanted)
{
    RlVerdict alone = {.ending = ending, .alone = true};
    RlVerdict weak = {.ending = ending, .alone = false};
    bool overruled = ending == RL_END_STOPPED && (log == RL_LOG_SAVED || log == RL_LOG_FAILED ||
                                                  log == RL_LOG_MIGRATED || log == RL_LOG_OTHER);

    g_assert_cmpint(rl_end_reason_join(&alone, log, false), ==, wanted);
    bool ended_by_other = ending == RL_END_ARRIVING && log != RL_LOG_FAILED;
    if (log == RL_LOG_NOTHING || overruled || ended_by_other)
        wanted = RL_END_UNKNOWN;
    g_assert_cmpint(rl_end_reason_join(&weak, log, false), ==, wanted);
}

/* The log confirms, is silent, or contradicts. */
static void
test_join(void)
{
    assert_join(RL_END_STOPPED, RL_LOG_NOTHING, RL_END_STOPPED);
    assert_join(RL_END_STOPPED, RL_LOG_STOPPED, RL_END_STOPPED);
    assert_join(RL_END_STOPPED, RL_LOG_FOUND_DEAD, RL_END_STOPPED);
    assert_join(RL_END_STOPPED, RL_LOG_SAVED_THEN_DEAD, RL_END_STOPPED);
    assert_join(RL_END_STOPPED, RL_LOG_SAVED, RL_END_STOPPED);
    assert_join(RL_END_STOPPED, RL_LOG_FAILED, RL_END_STOPPED);
    assert_join(RL_END_STOPPED, RL_LOG_MIGRATED, RL_END_STOPPED);
    assert_join(RL_END_STOPPED, RL_LOG_OTHER, RL_END_STOPPED);

    assert_join(RL_END_SAVED, RL_LOG_NOTHING, RL_END_SAVED);
    assert_join(RL_END_SAVED, RL_LOG_SAVED, RL_END_SAVED);
    assert_join(RL_END_SAVED, RL_LOG_SAVED_THEN_DEAD, RL_END_SAVED);
    assert_join(RL_END_SAVED, RL_LOG_FOUND_DEAD, RL_END_UNKNOWN);
    assert_join(RL_END_SAVED, RL_LOG_STOPPED, RL_END_UNKNOWN);

    assert_join(RL_END_FAILED, RL_LOG_NOTHING, RL_END_FAILED);
    assert_join(RL_END_FAILED, RL_LOG_FAILED, RL_END_FAILED);
    assert_join(RL_END_FAILED, RL_LOG_SAVED, RL_END_UNKNOWN);
    assert_join(RL_END_ARRIVING, RL_LOG_NOTHING, RL_END_ARRIVING);
    assert_join(RL_END_ARRIVING, RL_LOG_FAILED, RL_END_ARRIVING);
    assert_join(RL_END_ARRIVING, RL_LOG_FOUND_DEAD, RL_END_ARRIVING);
    assert_join(RL_END_ARRIVING, RL_LOG_STOPPED, RL_END_ARRIVING);
    assert_join(RL_END_ARRIVING, RL_LOG_SAVED, RL_END_UNKNOWN);
    assert_join(RL_END_MIGRATED, RL_LOG_NOTHING, RL_END_MIGRATED);
    assert_join(RL_END_MIGRATED, RL_LOG_MIGRATED, RL_END_MIGRATED);
    assert_join(RL_END_MIGRATED, RL_LOG_STOPPED, RL_END_UNKNOWN);
    assert_join(RL_END_MIGRATED, RL_LOG_FOUND_DEAD, RL_END_UNKNOWN);
    for (RlLogEnding log = RL_LOG_NOTHING; log <= RL_LOG_OTHER; log++)
        assert_join(RL_END_UNKNOWN, log, RL_END_UNKNOWN);
}

/* A status that another user may have put back gives nothing away that the log says is saved, or of
 * which it says nothing. So it is with one from the middle of a dump, whoever's its directory is.
 */
static void
test_older(void)
{
    static const Row dump = {
        .state = "running", .reason = "booted", .job = "none", .async = "dump", .phase = "none"};
    static const RlLogEnding logs[] = {RL_LOG_SAVED, RL_LOG_NOTHING, RL_LOG_OTHER};
    RlStatus status = {.state = (char *) dump.state,
                       .reason = (char *) dump.reason,
                       .job = (char *) dump.job,
                       .async = (char *) dump.async,
                       .phase = (char *) dump.phase};
    RlVerdict of_dump = rl_verdict_of(&status, false);

    g_assert_cmpint(rl_end_reason_join(&of_dump, RL_LOG_STOPPED, false), ==, RL_END_STOPPED);
    for (size_t i = 0; i < G_N_ELEMENTS(logs); i++) {
        static const RlEndReason endings[] = {RL_END_STOPPED, RL_END_MIGRATED};
        g_assert_cmpint(rl_end_reason_join(&of_dump, logs[i], false), ==, RL_END_UNKNOWN);
        for (size_t j = 0; j < G_N_ELEMENTS(endings); j++) {
            RlVerdict older = rl_verdict_of_any_time(certain(endings[j]));
            g_assert_cmpint(rl_end_reason_join(&older, logs[i], false), ==, RL_END_UNKNOWN);
        }
    }
    RlVerdict stop = rl_verdict_of_any_time(certain(RL_END_STOPPED)),
              failed = rl_verdict_of_any_time(certain(RL_END_FAILED));
    g_assert_cmpint(rl_end_reason_join(&stop, RL_LOG_STOPPED, false), ==, RL_END_STOPPED);
    g_assert_cmpint(rl_end_reason_join(&failed, RL_LOG_NOTHING, false), ==, RL_END_FAILED);
}

/* A run that ended before libvirt noted anything of it. */
static void
test_no_status(void)
{
    RlVerdict none = {.ending = RL_END_FAILED, .alone = false};

    for (RlLogEnding log = RL_LOG_NOTHING; log <= RL_LOG_OTHER; log++)
        g_assert_cmpint(rl_end_reason_join(&none, log, true), ==,
                        log == RL_LOG_FAILED ? RL_END_FAILED : RL_END_UNKNOWN);
}

/* A file that this run has written makes up for a log that was not told. */
static void
test_saved_now(void)
{
    RlVerdict saved = {.ending = RL_END_SAVED, .alone = true};
    RlVerdict weak = {.ending = RL_END_SAVED, .alone = false};
    RlVerdict stopped = {.ending = RL_END_STOPPED, .alone = true};

    g_assert_cmpint(rl_end_reason_join(&saved, RL_LOG_FOUND_DEAD, true), ==, RL_END_SAVED);
    g_assert_cmpint(rl_end_reason_join(&saved, RL_LOG_STOPPED, true), ==, RL_END_UNKNOWN);
    g_assert_cmpint(rl_end_reason_join(&weak, RL_LOG_FOUND_DEAD, true), ==, RL_END_SAVED);
    g_assert_cmpint(rl_end_reason_join(&weak, RL_LOG_NOTHING, true), ==, RL_END_SAVED);
    g_assert_cmpint(rl_end_reason_join(&weak, RL_LOG_STOPPED, true), ==, RL_END_UNKNOWN);
    g_assert_cmpint(rl_end_reason_join(&stopped, RL_LOG_STOPPED, true), ==, RL_END_STOPPED);
    g_assert_cmpint(rl_end_reason_join(&stopped, RL_LOG_SAVED, true), ==, RL_END_UNKNOWN);
}

/* What a device model may have written proves nothing against the status of a migration. */
static void
test_migrated(void)
{
    static const RlLogEnding forged[] = {RL_LOG_SAVED, RL_LOG_SAVED_THEN_DEAD, RL_LOG_FAILED,
                                         RL_LOG_OTHER};
    RlVerdict migrated = {.ending = RL_END_MIGRATED, .alone = true};

    for (size_t i = 0; i < G_N_ELEMENTS(forged); i++)
        g_assert_cmpint(rl_end_reason_join(&migrated, forged[i], false), ==, RL_END_MIGRATED);
    g_assert_cmpint(rl_end_reason_join(&migrated, RL_LOG_SAVED, true), ==, RL_END_UNKNOWN);
}

/* A log alone never commits and never drops what was written. */
static void
test_log_alone(void)
{
    for (RlLogEnding log = RL_LOG_NOTHING; log <= RL_LOG_OTHER; log++) {
        RlEndReason wanted = log == RL_LOG_FAILED  ? RL_END_FAILED
                             : log == RL_LOG_SAVED ? RL_END_SAVED
                                                   : RL_END_UNKNOWN;
        g_assert_cmpint(rl_end_reason_join(NULL, log, true), ==, wanted);
    }
}

void
add_tests(void)
{
    g_test_add_func("/status-verdict/rows", test_rows);
    g_test_add_func("/status-verdict/not-arriving", test_not_arriving);
    g_test_add_func("/status-verdict/join", test_join);
    g_test_add_func("/status-verdict/older", test_older);
    g_test_add_func("/status-verdict/migrated", test_migrated);
    g_test_add_func("/status-verdict/no-status", test_no_status);
    g_test_add_func("/status-verdict/saved-now", test_saved_now);
    g_test_add_func("/status-verdict/log-alone", test_log_alone);
}
