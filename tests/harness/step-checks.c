/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operations of which no state tells whether they did what they say: each looks for itself, where
 * the calls of that do not count. */
#include "steps.h"

#include "common/base/autofd.h"
#include "common/format/ended-note.h"
#include "common/format/image-overlays.h"
#include "common/image/content.h"
#include "common/image/short-path.h"
#include "common/operation/arrival.h"
#include "common/operation/claim.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "common/pool/overlay-file.h"
#include "common/pool/pool-mark.h"
#include "common/pool/scan.h"
#include "common/pool/volume-state.h"

#include <fcntl.h>

/* --- Overlays, and whose a run is */

/* True; or the program ends: bob is not told that alice's disk lies on the image. */
static bool
is_noted_below(const Site *site, const char *name)
{
    g_autofree char *domain = NULL;

    if (!site->count)
        return true;
    site_pause(site);
    rl_autofd int fd = site_open(site, name, RL_FILE_DIRTY, O_RDONLY, NULL);
    if (!rl_overlays_other(fd, &bob, &domain, NULL) || g_strcmp0(domain, alice.name) != 0)
        g_error("nothing says that a domain's disk lies on %s", name);
    site_resume(site);
    return true;
}

static bool
is_run_of_alice(const Site *site, const char *name)
{
    g_autoptr(RlImageOwner) run = NULL;

    if (!site->count)
        return true;
    site_pause(site);
    rl_autofd int fd = site_open(site, name, RL_FILE_DIRTY, O_RDONLY, NULL);
    if (!rl_image_owner_get(fd, &run, NULL) || !run || !rl_image_owner_is_of(run, &alice) ||
        run->arriving)
        g_error("the run on %s is not what it was said to be", name);
    site_resume(site);
    return true;
}

/* Disks of the domain are overlays on it. */
static bool
keep_below(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    bool done;

    return pool &&
           rl_volume_keep_as(pool, step->volume, &(RlKeep){.owner = &alice, .overlaid = true},
                             &done, error) &&
           (done || rl_fail(error, RL_ERROR_STATE, "nothing was kept")) &&
           is_noted_below(site, step->volume);
}

static bool
save_below(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autofree char *file = site_beside(site, "outside");
    bool done;

    return pool &&
           rl_volume_keep_as(
               pool, step->volume,
               &(RlKeep){.owner = &alice, .saved = true, .overlaid = true, .file = file}, &done,
               error) &&
           (done || rl_fail(error, RL_ERROR_STATE, "nothing was saved")) &&
           is_noted_below(site, step->volume);
}

static bool
arrived(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_volume_arrived(pool, step->volume, &alice, error) &&
           is_run_of_alice(site, step->volume);
}

/* A domain that runs is given the disk; unless @wanted there is something to do. */
static bool
claim(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    bool overlaid = step->action == &act_claim_below, done;

    return pool &&
           rl_volume_claim(pool, step->volume, &(RlClaim){.to = &alice, .overlaid = overlaid},
                           &done, error) &&
           (done || step->wanted || rl_fail(error, RL_ERROR_STATE, "nothing was claimed")) &&
           is_run_of_alice(site, step->volume) && (!overlaid || is_noted_below(site, step->volume));
}

static bool
claim_overlay(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    bool is;

    return pool && rl_overlay_claim(pool, step->volume, &alice, &is, error) &&
           (is || rl_fail(error, RL_ERROR_STATE, "it is not taken for an overlay"));
}

/* Whatever cannot be read, the memory of one save does not run on the disk of another. */
static bool
restore_refused(Site *site, const Step *step, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (act_restore.act(site, step, &cause))
        g_error("the memory of one save was restored on the disk of another");
    if (g_error_matches(cause, RL_ERROR, RL_ERROR_STATE))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool
mark_pool(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    (void) step;
    return pool && rl_pool_mark_require(pool, error);
}

/* --- Runs that wait for space */

/* The note is in memory, where each point begins with nothing; false where there is no run. */
static bool
note_ended(Site *site, const char *name)
{
    g_autoptr(RlImageOwner) run = NULL;

    site_pause(site);
    rl_autofd int fd = site_open(site, name, RL_FILE_DIRTY, O_RDONLY, NULL);
    bool runs = fd >= 0 && rl_image_owner_get(fd, &run, NULL) && run;
    if (runs)
        rl_ended_note(site->pool->dev, site->pool->ino, name, fd, run->since_us);
    site_resume(site);
    return runs;
}

static bool
end_late(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    bool committed;

    if (!pool)
        return false;
    if (!note_ended(site, step->volume))
        return rl_fail(error, RL_ERROR_STATE, "nothing was noted");
    if (!rl_volume_end_late(pool, step->volume, &committed, error))
        return false;
    return committed || rl_fail(error, RL_ERROR_STATE, "nothing was committed");
}

/* After a crash the note is there still; but if it came late, nobody is known to run on the image
 * any more: the domain is started once more, and goes on with what was left. */
static bool
end_late_again(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    const Step restart[] = {STEP(start, step->volume), STEP(end, step->volume)};
    bool committed;

    if (!pool || !rl_volume_end_late(pool, step->volume, &committed, error))
        return false;
    return committed ||
           (act_start.act(site, &restart[0], error) && act_end.act(site, &restart[1], error));
}

/* --- Short paths: @other leads to the volume */

static bool
link_short(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_short_path_make(pool, step->other, step->volume, error);
}

static bool
tidy_short(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    if (pool)
        rl_short_path_tidy(pool, step->volume);
    return pool != NULL;
}

/* --- Questions */

static bool
open_pool(Site *site, const Step *step, GError **error)
{
    RlPool *pool = rl_model_pool(site->path, error);

    (void) step;
    rl_pool_close(pool);
    return pool != NULL;
}

static bool
scan(Site *site, const Step *step, GError **error)
{
    g_autoptr(RlPool) pool = rl_model_pool(site->path, error);
    g_autoptr(GPtrArray) volumes = pool ? rl_scan(pool, error) : NULL;

    (void) step;
    return volumes != NULL;
}

static bool
space(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    uint64_t capacity, available;

    (void) step;
    return pool && rl_pool_space(pool, &capacity, &available, error);
}

static bool
state(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, step->volume, error) : NULL;
    RlState now;

    return volume && rl_state_get(volume, &now, NULL, error) &&
           rl_state_require_idle(volume, "looked at", error);
}

static bool
capacity(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, step->volume, error) : NULL;
    uint64_t bytes;

    return volume && rl_volume_capacity(volume, &bytes, error);
}

static bool
read_content(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    rl_autofd int fd = pool ? rl_content_open(pool, step->volume, false, error) : -1;

    return fd >= 0;
}

const Action act_keep_below = {"keep below", keep_below, STEP_NAMES},
             act_save_below = {"save below", save_below, STEP_NAMES},
             /* What these note is durable some time later. */
    act_arrived = {"arrived", arrived, 0}, act_claim = {"claim", claim, 0},
             act_claim_below = {"claim below", claim, 0},
             act_claim_overlay = {"claim the overlay", claim_overlay, STEP_NAMES},
             act_restore_refused = {"restore an earlier save of", restore_refused, 0},
             act_mark_pool = {"mark the pool", mark_pool, STEP_NAMES},
             act_end_late = {"end late", end_late, STEP_DROPS},
             act_end_late_again = {"end late", end_late_again, STEP_NAMES},
             act_link_short = {"link", link_short, STEP_NAMES},
             act_tidy_short = {"tidy the link of", tidy_short, STEP_NAMES},
             act_open = {"open the pool", open_pool, 0}, act_scan = {"scan the pool", scan, 0},
             act_space = {"ask for space", space, 0}, act_state = {"state of", state, 0},
             act_capacity = {"capacity of", capacity, 0}, act_read = {"read", read_content, 0};
