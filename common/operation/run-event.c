/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-event.h"

/* "after 12 minutes", owned by the caller; "" where it cannot be told when the run began. */
static char *
describe_duration(const RlImageOwner *run)
{
    gint64 began_us = run ? rl_image_owner_began_us(run) : 0;
    gint64 seconds = (g_get_real_time() - began_us) / G_USEC_PER_SEC;

    if (began_us <= 0 || seconds < 0)
        return g_strdup("");
    return seconds < 60 ? g_strdup_printf(" after %" G_GINT64_FORMAT " s", seconds)
                        : g_strdup_printf(" after %" G_GINT64_FORMAT " min", seconds / 60);
}

void
rl_run_event_started(const RlVolume *volume, RlStartFlags flags, bool continued)
{
    const char *domain = volume->actor ? volume->actor : "an unknown domain";

    if (flags & RL_START_RESTORED)
        rl_volume_event(volume, "restored", 0, "domain '%s' was restored on it", domain);
    else if (continued)
        rl_volume_event(volume, "continued", 0, "started for '%s', on the image of an earlier run",
                        domain);
    else
        rl_volume_event(volume, "started", 0, "started for '%s'", domain);
}

void
rl_run_event_ended(const RlVolume *volume, const RlImageOwner *run, RlStop stop, uint64_t revision)
{
    g_autofree char *duration = describe_duration(run);
    g_autofree char *whose =
        run ? g_strdup_printf("the run of '%s'", run->name) : g_strdup("its run");

    switch (stop) {
    case RL_STOP_COMMITTED:
        rl_volume_event(volume, "committed", revision,
                        "%s is committed%s; the state before is revision %" G_GUINT64_FORMAT, whose,
                        duration, revision);
        break;
    case RL_STOP_UNWRITTEN:
        rl_volume_event(volume, "unwritten", 0, "%s has ended%s, and has written nothing", whose,
                        duration);
        break;
    case RL_STOP_DROPPED:
        rl_volume_event(volume, "dropped", 0, "%s has ended%s, and its image is dropped", whose,
                        duration);
        break;
    case RL_STOP_RETURNED:
        rl_volume_event(volume, "returned", 0,
                        "%s has ended%s; what it wrote is in the clean image", whose, duration);
        break;
    case RL_STOP_NOTHING:
    case RL_STOP_NOT_OWNED:
    case RL_STOP_HELD:
        break;
    }
}
