/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dirty images that outlive a run. */
#include "operations.h"

#include "common/base/autofd.h"
#include "common/format/image-overlays.h"
#include "common/format/image-save.h"
#include "common/operation/arrival.h"
#include "common/operation/claim.h"
#include "common/operation/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static bool
running(const char *work, GError **error)
{
    return make_private(work, error) && start_for(work, V, &alice, error) &&
           fill(work, V, 4, error);
}

static bool
running_snapshot(const char *work, GError **error)
{
    return make_private(work, error) && make(work, ROOT, RL_KIND_SNAPSHOT, error) &&
           start_for(work, ROOT, &alice, error) && fill(work, ROOT, 4, error);
}

static bool
left(const char *work, GError **error)
{
    return running(work, error) && make_old(work, V, error);
}

static bool
wanted(bool done, GError **error)
{
    return done || rl_fail(error, RL_ERROR_STATE, "nothing was done");
}

/* Alice, with a memory that is known. */
static const RlMemory memory = {
    .file = (char *) "file", .digest = (char *) "of 4", .save = (char *) "of this save"};

static RlDomainRef
alice_with_memory(void)
{
    RlDomainRef owner = alice;

    owner.memory = &memory;
    return owner;
}

static bool
save_volume(const char *work, const char *name, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autofree char *file = g_build_filename(work, "outside", NULL);
    RlDomainRef owner = alice_with_memory();
    bool done;

    return pool && rl_volume_save(pool, name, &owner, file, &done, error) && wanted(done, error);
}

static bool
save(const char *work, GError **error)
{
    return save_volume(work, V, error);
}

static bool
save_snapshot(const char *work, GError **error)
{
    return save_volume(work, ROOT, error);
}

static bool
keep(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    bool done;

    return pool && rl_volume_keep(pool, ROOT, &alice, &done, error) && wanted(done, error);
}

/* No state tells it, so this does: a note that is missing ends the program. */
static bool
is_noted_below(const char *work, const char *name)
{
    g_autofree char *path = file_of(work, name, RL_FILE_DIRTY), *domain = NULL;

    fault_pause();
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (!rl_overlays_other(fd, &bob, &domain, NULL) || g_strcmp0(domain, alice.name) != 0)
        g_error("nothing says that a domain's disk lies on %s", path);
    fault_resume();
    return true;
}

/* Nor this: whose the run on the image is. */
static bool
is_run_of(const char *work, const RlDomainRef *owner, bool arriving)
{
    g_autofree char *path = file_of(work, V, RL_FILE_DIRTY);
    g_autoptr(RlImageOwner) run = NULL;

    fault_pause();
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (!rl_image_owner_get(fd, &run, NULL) || !run || !rl_image_owner_is_of(run, owner) ||
        run->arriving != arriving)
        g_error("the run on %s is not what it was said to be", path);
    fault_resume();
    return true;
}

/* Disks of the domain are overlays on it. */
static bool
keep_below(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    bool done;

    return pool && rl_volume_keep_below(pool, ROOT, &alice, &done, error) && wanted(done, error) &&
           is_noted_below(work, ROOT);
}

static bool
save_below(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autofree char *file = g_build_filename(work, "outside", NULL);
    bool done;

    return pool && rl_volume_save_below(pool, V, &alice, file, &done, error) &&
           wanted(done, error) && is_noted_below(work, V);
}

static bool
kept_below(const char *work, GError **error)
{
    return running_snapshot(work, error) && keep_below(work, error);
}

static bool
start_overlaid(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autoptr(RlStarted) started =
        pool ? rl_volume_start(pool, ROOT, &alice, RL_START_OVERLAID, error) : NULL;

    return started != NULL;
}

static bool
saved(const char *work, GError **error)
{
    return running(work, error) && save(work, error);
}

static bool
saved_snapshot(const char *work, GError **error)
{
    return running_snapshot(work, error) && save_snapshot(work, error);
}

static bool
kept(const char *work, GError **error)
{
    return running_snapshot(work, error) && keep(work, error);
}

/* The two calls of a restore. */
static bool
restore_volume(const char *work, const char *name, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autoptr(RlStarted) started = NULL;
    RlDomainRef owner = alice_with_memory();

    if (!pool || !rl_volume_announce_restore(pool, name, &owner, error))
        return false;
    started = rl_volume_start(pool, name, &owner, RL_START_RESTORED, error);
    return started != NULL;
}

static bool
restore(const char *work, GError **error)
{
    return restore_volume(work, V, error);
}

static bool
restore_snapshot(const char *work, GError **error)
{
    return restore_volume(work, ROOT, error);
}

static bool
restored(const char *work, GError **error)
{
    return saved_snapshot(work, error) && restore_snapshot(work, error);
}

static bool
confirm(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_volume_confirm(pool, ROOT, &alice, error);
}

static bool
keep_again(const char *work, GError **error)
{
    return keep(work, error);
}

static bool
start_kept(const char *work, GError **error)
{
    return start_for(work, ROOT, &bob, error);
}

static bool
started_kept(const char *work, GError **error)
{
    return kept(work, error) && start_kept(work, error);
}

/* The start is put back: what was kept is kept. */
static bool
unstart_kept(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    RlStarted started = {.volume = (char *) ROOT, .continued = true, .hold = RL_MARK_KEPT};

    return pool && rl_volume_unstart(pool, &started, &bob, error);
}

static bool
discard(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_volume_discard(pool, V, error);
}

static bool
go_on(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_volume_continue(pool, V, error);
}

/* A guest is to come by a migration, and some of it has. */
static bool
arriving(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = make_private(work, error) ? pool_of(work, error) : NULL;
    RlStarted *started = pool ? rl_volume_start(pool, V, &alice, RL_START_ARRIVING, error) : NULL;
    bool done = started && fill(work, V, 4, error);

    rl_started_free(started);
    return done;
}

static bool
drop_arrival(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    bool done;

    return pool && rl_volume_drop_arrival(pool, V, &alice, &done, error) && wanted(done, error);
}

static bool
confirm_arrival(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_volume_arrived(pool, V, &alice, error) && is_run_of(work, &alice, false);
}

static const RlDomainRef by_hand = {
    .driver = RL_OWNER_BY_HAND, .uuid = "by hand", .name = "started by hand"};

/* A domain that runs is given the disk. */
static bool
begun_by_hand(const char *work, GError **error)
{
    return make_private(work, error) && start_for(work, V, &by_hand, error) &&
           fill(work, V, 4, error);
}

/* The first time there is something to do. */
static bool
claim_as(const char *work, bool first, bool overlaid, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    bool done;

    return pool && rl_volume_claim(pool, V, &alice, overlaid, &done, error) &&
           wanted(done || !first, error) && is_run_of(work, &alice, false) &&
           (!overlaid || is_noted_below(work, V));
}

static bool
claim(const char *work, GError **error)
{
    return claim_as(work, true, false, error);
}

static bool
claim_again(const char *work, GError **error)
{
    return claim_as(work, false, false, error);
}

static bool
claim_below(const char *work, GError **error)
{
    return claim_as(work, true, true, error);
}

static bool
claim_below_again(const char *work, GError **error)
{
    return claim_as(work, false, true, error);
}

/* Somebody has put another clean image there since the run, and a person says which one is right.
 */
static bool
left_of_another(const char *work, GError **error)
{
    g_autofree char *clean = file_of(work, V, RL_FILE_CLEAN);
    g_autofree char *new = g_strconcat(clean, "~", NULL);

    if (!left(work, error))
        return false;
    rl_autofd int fd = open(new, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    return fd >= 0 && rl_model_write(fd, SIZE, 8, error) &&
           (rename(new, clean) == 0 || rl_fail_errno(error, errno, "rename"));
}

const Operation keeping_operations[] = {
    {"save", running, save, NULL, 0},
    {"save-snapshot", running_snapshot, save_snapshot, NULL, 0},
    {"keep", running_snapshot, keep, NULL, OP_LEAVES | OP_ERROR_COMES_LATE},
    {"keep-below", running_snapshot, keep_below, NULL, OP_LEAVES | OP_ERROR_COMES_LATE},
    {"save-below", running, save_below, NULL, 0},
    {"start-overlaid", kept_below, start_overlaid, NULL, OP_LEAVES},
    {"restore", saved, restore, NULL, 0},
    {"restore-snapshot", saved_snapshot, restore_snapshot, NULL, 0},
    {"restore-confirmed", restored, confirm, NULL, 0},
    {"restore-failed", restored, keep_again, NULL, OP_LEAVES | OP_ERROR_COMES_LATE},
    {"start-kept", kept, start_kept, NULL, OP_LEAVES},
    {"unstart-kept", started_kept, unstart_kept, NULL, OP_LEAVES | OP_ERROR_COMES_LATE},
    {"discard", left, discard, NULL, 0},
    {"discard-saved", saved, discard, NULL, 0},
    {"continue", left, go_on, NULL, OP_LEAVES | OP_ERROR_COMES_LATE},
    {"continue-other-base", left_of_another, go_on, NULL, OP_LEAVES | OP_ERROR_COMES_LATE},
    {"arrival-drop", arriving, drop_arrival, NULL, 0},
    {"arrival-confirm", arriving, confirm_arrival, NULL, 0},
    {"claim", begun_by_hand, claim, claim_again, 0},
    {"claim-below", begun_by_hand, claim_below, claim_below_again, 0},
    {"continue-saved", saved, go_on, NULL, OP_LEAVES | OP_ERROR_COMES_LATE},
    {0},
};
