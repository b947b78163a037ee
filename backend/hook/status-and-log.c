/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "status-and-log.h"

/* What the log may say beside each verdict of the status file without contradicting it. What a
 * daemon that has come back says of a domain that is gone is no more than that. */
static bool
log_agrees(RlEndReason ending, RlLogEnding log)
{
    bool dead = log == RL_LOG_FOUND_DEAD;

    switch (ending) {
    case RL_END_STOPPED:
        return log == RL_LOG_STOPPED || dead || log == RL_LOG_SAVED_THEN_DEAD;
    case RL_END_SAVED:
        return log == RL_LOG_SAVED || log == RL_LOG_SAVED_THEN_DEAD;
    case RL_END_FAILED:
    case RL_END_ARRIVING:
        return log == RL_LOG_FAILED || log == RL_LOG_STOPPED || dead;
    case RL_END_MIGRATED:
        return log == RL_LOG_MIGRATED;
    case RL_END_UNKNOWN:
        break;
    }
    return false;
}

/* A status that proves the end by itself stands against a line of the log that libvirt does not
 * write then: a device model writes into the same file. What stays a doubt is a save of which the
 * file is there (the device models' user can put one there: what is kept for that is the same
 * domain's only, where it would be new at each start); and what libvirt can say beside an older
 * status, where /run was full. */
static bool
is_overruled(const RlVerdict *verdict, RlLogEnding log, bool saved_now)
{
    bool says_saved = log == RL_LOG_SAVED || log == RL_LOG_SAVED_THEN_DEAD;

    if (!verdict->alone || (says_saved && saved_now))
        return false;
    if (verdict->ending == RL_END_MIGRATED)
        return says_saved || log == RL_LOG_FAILED || log == RL_LOG_OTHER;
    return verdict->ending == RL_END_STOPPED;
}

/* Without a status file a domain has not come to run, if the log says so; what is said to be saved
 * is not given away. All else needs two witnesses. */
static RlEndReason
ending_of_log(RlLogEnding log)
{
    if (log == RL_LOG_FAILED)
        return RL_END_FAILED;
    return log == RL_LOG_SAVED ? RL_END_SAVED : RL_END_UNKNOWN;
}

RlEndReason
rl_end_reason_join(const RlVerdict *verdict, RlLogEnding log, bool saved_now)
{
    if (!verdict)
        return ending_of_log(log);
    /* There was no status yet, or it does not tell who has ended what was to arrive: that is all
     * the log may say then. */
    if ((verdict->ending == RL_END_FAILED || verdict->ending == RL_END_ARRIVING) && !verdict->alone)
        return log == RL_LOG_FAILED ? verdict->ending : RL_END_UNKNOWN;
    if (log_agrees(verdict->ending, log) || (log == RL_LOG_NOTHING && verdict->alone) ||
        is_overruled(verdict, log, saved_now))
        return verdict->ending;
    /* Its daemon was killed when the memory was in the file, but it was not said; or the log is
     * full. */
    if (verdict->ending == RL_END_SAVED && saved_now &&
        (log == RL_LOG_FOUND_DEAD || log == RL_LOG_NOTHING))
        return RL_END_SAVED;
    return RL_END_UNKNOWN;
}
