/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "status-verdict.h"

#include <string.h>

/* What the guest's processors did last. */
typedef enum {
    DOUBT,   /* a word that we do not know, or in the middle of a post-copy migration */
    RAN,     /* they ran */
    HALTED,  /* they ran once, and are stopped */
    ENDING,  /* the emulator has been asked to end: whether they ran is not told */
    WAITING, /* for the memory of a restore or a migration; or they are stopped for one */
    NEVER,   /* the emulator was still being set up */
} Course;

static const struct {
    const char *state, *reason;
    Course course;
} courses[] = {
    {"running", "unknown", RAN},
    {"running", "booted", RAN},
    {"running", "migrated", RAN},
    {"running", "restored", RAN},
    {"running", "unpaused", RAN},
    {"running", "migration canceled", RAN},
    {"running", "save canceled", RAN},
    {"running", "wakeup", RAN},
    {"running", "from snapshot", RAN},
    {"running", "crashed", RAN},
    {"crashed", "unknown", RAN},
    {"crashed", "panicked", RAN},
    {"pmsuspended", "unknown", RAN},
    {"shutdown", "unknown", ENDING},
    {"shutdown", "user", ENDING},
    {"paused", "user", HALTED},
    {"paused", "save", HALTED},
    {"paused", "dump", HALTED},
    {"paused", "ioerror", HALTED},
    {"paused", "watchdog", HALTED},
    {"paused", "shutdown", HALTED},
    {"paused", "snapshot", HALTED},
    {"paused", "from snapshot", HALTED},
    {"paused", "panicked", HALTED},
    {"paused", "migration", WAITING},
    {"paused", "starting up", NEVER},
    /* A stop that libvirt did not ask for: the device model can say so at any time. */
    {"paused", "unknown", HALTED},
};

static Course
course_of(const RlStatus *status)
{
    for (size_t i = 0; i < G_N_ELEMENTS(courses); i++)
        if (strcmp(status->state, courses[i].state) == 0 &&
            strcmp(status->reason, courses[i].reason) == 0)
            return courses[i].course;
    return DOUBT;
}

static bool
is(const char *word, const char *other)
{
    return strcmp(word, other) == 0;
}

/* With the job of its end noted, the status is that of the end. Without one it can be an older one,
 * which a daemon that has come back found, or behind which /run was full. */
static RlVerdict
stopped(const RlStatus *status)
{
    return (RlVerdict){.ending = RL_END_STOPPED, .alone = is(status->job, "destroy")};
}

static RlVerdict
certain(RlEndReason ending)
{
    return (RlVerdict){.ending = ending, .alone = true};
}

static RlVerdict
without_job(const RlStatus *status, Course course)
{
    switch (course) {
    case RAN:
    case HALTED:
    case ENDING:
        return stopped(status);
    case WAITING:
        return certain(RL_END_ARRIVING);
    case NEVER:
        return certain(RL_END_FAILED);
    case DOUBT:
        break;
    }
    return certain(RL_END_UNKNOWN);
}

/* Who dies in the middle of a save may have got as far as to be saved. libvirt 11.3.0 (not 9.0.0)
 * notes that the emulator ends before it calls the hook: so it does where a save is complete, but
 * also where the emulator was asked to end in the middle of one. The log tells these apart, the
 * file, or who calls the hook (stopped.c). */
static RlVerdict
in_save(const RlStatus *status, Course course)
{
    bool complete = is(status->job, "none") && (course == HALTED || course == WAITING);

    if (is(status->job, "none") && course == ENDING)
        return (RlVerdict){.ending = RL_END_SAVED, .alone = false};
    return certain(complete ? RL_END_SAVED : RL_END_UNKNOWN);
}

static RlVerdict
in_start(const RlStatus *status, Course course)
{
    if (course == RAN || course == HALTED)
        return stopped(status);
    /* A restore that fails is a start, too. */
    return certain(course == NEVER || course == WAITING ? RL_END_FAILED : RL_END_UNKNOWN);
}

static RlVerdict
in_arrival(const RlStatus *status, Course course)
{
    if (course == NEVER)
        return certain(RL_END_FAILED);
    if (course == WAITING || (course == ENDING && is(status->phase, "prepare")))
        return certain(RL_END_ARRIVING);
    /* Of who is asked to end in the last phase it is not told whether he ran. libvirt 11.3.0 (not
     * 9.0.0) notes this before it calls the hook also where the last phase itself ends a guest that
     * it has not got to run. The log tells that from others. */
    if (course == ENDING && is(status->phase, "finish3") && is(status->job, "none"))
        return (RlVerdict){.ending = RL_END_ARRIVING, .alone = false};
    return course == RAN ? stopped(status) : certain(RL_END_UNKNOWN);
}

static RlVerdict
in_departure(const RlStatus *status, Course course)
{
    bool here =
        is(status->phase, "none") || is(status->phase, "begin3") || is(status->phase, "perform3");

    /* One that was paused before goes paused, for the same reason as before. */
    if ((course == WAITING || course == HALTED) && is(status->phase, "confirm3") &&
        is(status->job, "none"))
        return certain(RL_END_MIGRATED);
    /* libvirt 11.3.0 notes that also of who has gone. That the destination has it is known in this
     * phase alone; the log says that nothing else has ended it, or who calls the hook does. */
    if (course == ENDING && is(status->phase, "confirm3") && is(status->job, "none"))
        return (RlVerdict){.ending = RL_END_MIGRATED, .alone = false};
    /* As long as it runs here, the destination has not begun. */
    if (here && (course == RAN || course == ENDING))
        return stopped(status);
    return certain(RL_END_UNKNOWN);
}

static RlVerdict
judge(const RlStatus *status, Course course)
{
    bool ran = course == RAN || course == HALTED || course == ENDING;

    if (!is(status->job, "none") && !is(status->job, "destroy"))
        return certain(RL_END_UNKNOWN);
    if (is(status->async, "none"))
        return without_job(status, course);
    if (is(status->async, "save"))
        return in_save(status, course);
    if (is(status->async, "start"))
        return in_start(status, course);
    if (is(status->async, "migration in"))
        return in_arrival(status, course);
    if (is(status->async, "migration out"))
        return in_departure(status, course);
    if (ran && is(status->async, "backup"))
        return stopped(status);
    /* A dump of a guest that is ended with it, or that has crashed: nothing restores that. */
    if (ran && is(status->async, "dump"))
        return stopped(status);
    return certain(RL_END_UNKNOWN);
}

RlVerdict
rl_verdict_of(const RlStatus *status, bool arriving)
{
    Course course = course_of(status);
    RlVerdict verdict = judge(status, course);

    /* A migration from here that failed, or of which a daemon that came back knows no more, leaves
     * the same at its source. */
    if (verdict.ending == RL_END_ARRIVING && !arriving && !is(status->async, "migration in"))
        verdict = certain(RL_END_UNKNOWN);
    verdict.arrived = course == RAN || course == HALTED;
    return verdict;
}

RlVerdict
rl_verdict_of_any_time(RlVerdict verdict)
{
    bool gives_away = verdict.ending == RL_END_STOPPED || verdict.ending == RL_END_MIGRATED;

    verdict.alone = verdict.alone && !gives_away && verdict.ending != RL_END_SAVED;
    return verdict;
}

bool
rl_verdict_is_incoming(const RlStatus *status)
{
    return is(status->async, "migration in");
}
