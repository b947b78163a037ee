/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sweep.h"

#include "device.h"
#include "look.h"

#include <errno.h>
#include <string.h>

static bool
same_left(const char *a, const char *b)
{
    g_autofree char *left = look_left(a), *other = look_left(b);

    return strcmp(left, other) == 0;
}

static bool
same_kindless(const char *a, const char *b)
{
    g_autofree char *kindless = look_kindless(a), *other = look_kindless(b);

    return strcmp(kindless, other) == 0;
}

/* Whoever says that the size is changed has told the device, too; else that has one of the two. */
bool
judge_device(const Sweep *sweep, const Outcome *outcome, GError **error)
{
    uint64_t size = device_size();

    return size == sweep->new_size || (!outcome->ok && size == sweep->old_size) ||
           rl_fail(error, RL_ERROR_INVALID,
                   "%s, and the loop device has %" G_GUINT64_FORMAT " bytes",
                   outcome->ok ? "it says it is done" : "it failed", size);
}

/* Dates and blocks tell nothing: what was to be put away is kept, and nobody runs on it. */
bool
judge_is_in_doubt(const Sweep *sweep, const Call *call, const char *now)
{
    g_autofree char *left = look_left(sweep->old);

    return (sweep->operation->flags & OP_NEEDS_BOOT) && call->asks_for_boot && pools_copy() &&
           strcmp(now, left) == 0;
}

/* It says that it did what it was to. */
static bool
judge_success(const Sweep *sweep, const Call *call, const char *now, GError **error)
{
    g_autofree char *volumes = look_volumes(now), *wanted = look_volumes(sweep->new);

    if (strcmp(now, sweep->new) == 0 ||
        ((sweep->operation->flags & OP_MAY_DO_NOTHING) && strcmp(now, sweep->old) == 0) ||
        (call->asks_for_users && strcmp(now, sweep->old) == 0) ||
        judge_is_in_doubt(sweep, call, now) ||
        ((sweep->operation->flags & OP_MAY_DO_PARTS) &&
         look_is_part(now, sweep->old, sweep->new)) ||
        ((sweep->operation->flags & OP_IS_CAREFUL) && strcmp(volumes, wanted) == 0))
        return true;
    return rl_fail(error, RL_ERROR_INVALID, "it says it is done, but it is not:\n%s", now);
}

static bool
judge_suspect(const Sweep *sweep, const char *now, GError **error)
{
    g_autofree char *old = look_suspect(sweep->old), *new = look_suspect(sweep->new);
    g_autofree char *old_unlinked = look_without_links(old), *unlinked = look_without_links(now);

    return strcmp(unlinked, old_unlinked) == 0 || strcmp(now, new) == 0 ||
           rl_fail(error, RL_ERROR_INVALID, "it is not suspect:\n%s", now);
}

static bool
is_for_want_of_space(const char *message)
{
    return g_str_has_suffix(message, g_strerror(ENOSPC)) ||
           g_str_has_suffix(message, g_strerror(EDQUOT));
}

bool
judge_is_ended(const Sweep *sweep, const Outcome *outcome, const char *now)
{
    g_autofree char *unlinked = look_without_links(now), *old = look_without_links(sweep->old);

    return !outcome->ok && !outcome->killed && is_for_want_of_space(outcome->message) &&
           same_left(unlinked, old);
}

bool
judge(const Sweep *sweep, const Call *call, const Outcome *outcome, const char *now, GError **error)
{
    int flags = sweep->operation->flags;
    g_autofree char *unlinked = look_without_links(now), *old = look_without_links(sweep->old);
    bool is_new = strcmp(now, sweep->new) == 0;

    if (outcome->ok)
        return judge_success(sweep, call, now, error);
    if (call->logs && !outcome->killed)
        return rl_fail(error, RL_ERROR_INVALID, "it fails for want of a log: %s", outcome->message);
    if (call->syncs_dirty && !outcome->killed)
        return judge_suspect(sweep, now, error);
    if (strcmp(unlinked, old) == 0 ||
        ((flags & OP_IN_PARTS) && look_is_part(unlinked, old, sweep->new)))
        return true;
    /* Somebody may have the image, as far as it can tell: whoever stops leaves it to those. */
    if (call->asks_for_users && same_left(unlinked, old))
        return true;
    if (judge_is_ended(sweep, outcome, now))
        return true;
    /* Names that could not be made durable are there all the same. */
    if (is_new && (outcome->killed || call->syncs_dir))
        return true;
    if ((flags & OP_ERROR_COMES_LATE) && same_left(now, sweep->new))
        return true;
    if (outcome->killed && (flags & OP_KIND_COMES_FIRST) && same_kindless(unlinked, old))
        return true;
    if (outcome->killed && (flags & OP_LEAVES) &&
        (same_left(unlinked, old) || same_left(now, sweep->new)))
        return true;
    return rl_fail(error, RL_ERROR_INVALID, "%s is neither the old state nor the new one:\n%s",
                   outcome->killed ? "what is left" : outcome->message, now);
}

/* An upload has its answer when the names are there; its thread makes them durable after that, and
 * what fails then is logged. */
static bool
comes_late(const Sweep *sweep, const Call *call)
{
    bool late = false;

    for (guint i = 0; i < sweep->calls->len && call->thread > 0; i++) {
        const Call *other = &g_array_index(sweep->calls, Call, i);
        late |= other->syncs_dir && other->thread == call->thread && other->number <= call->number;
    }
    return late;
}

/* What could not be made durable is not used then. */
static bool
has_other_way(const Sweep *sweep, const Call *call)
{
    return (sweep->operation->flags & OP_HAS_OTHER_WAY) &&
           (call->syncs_dir || strstr(call->text, ".img~"));
}

/* What could not be written may be gone after a power cut, however it looks now. */
bool
judge_sync(const Sweep *sweep, const Call *call, const Fault *fault, const Outcome *outcome,
           GError **error)
{
    bool no_errors = sweep->operation->flags & OP_MAY_DO_NOTHING;

    if (!outcome->ok || !call->syncs || fault->kind != FAULT_ERRNO || no_errors ||
        comes_late(sweep, call) || has_other_way(sweep, call))
        return true;
    return rl_fail(error, RL_ERROR_INVALID, "it says it is done, and something is not durable");
}
