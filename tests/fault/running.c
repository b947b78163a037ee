/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starts and stops. */
#include "operations.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"

#include <fcntl.h>
#include <unistd.h>

/* --- before a start */

static bool
with_precache(const char *work, GError **error)
{
    return make_private(work, error) && maintain(work, V, error);
}

static bool
with_stale_precache(const char *work, GError **error)
{
    g_autofree char *clean = file_of(work, V, RL_FILE_CLEAN);

    if (!with_precache(work, error))
        return false;
    set_mtime(clean, time(NULL) - 50, 5);
    return true;
}

static bool
with_snapshot(const char *work, GError **error)
{
    return make_private(work, error) && make(work, ROOT, RL_KIND_SNAPSHOT, error);
}

static bool
with_snapshot_precache(const char *work, GError **error)
{
    return with_snapshot(work, error) && maintain(work, ROOT, error);
}

static bool
with_volatile(const char *work, GError **error)
{
    return build(work, error) && make(work, SCRATCH, RL_KIND_VOLATILE, error);
}

static bool
with_direct(const char *work, GError **error)
{
    return build(work, error) && make(work, DIRECT, RL_KIND_DIRECT, error);
}

/* Somebody has made a link to it, for a backup. */
static bool
with_linked_direct(const char *work, GError **error)
{
    g_autofree char *clean = file_of(work, DIRECT, RL_FILE_CLEAN);
    g_autofree char *backup = g_build_filename(work, "outside/backup", NULL);

    return with_direct(work, error) && link(clean, backup) == 0;
}

/* --- dirty images that are there */

static bool
running(const char *work, GError **error)
{
    return make_private(work, error) && start_for(work, V, &alice, error) &&
           fill(work, V, 4, error);
}

static bool
left(const char *work, GError **error)
{
    return running(work, error) && make_old(work, V, error);
}

static bool
running_unwritten(const char *work, GError **error)
{
    return make_private(work, error) && start_for(work, V, &alice, error);
}

static bool
running_snapshot(const char *work, GError **error)
{
    return with_snapshot(work, error) && start_for(work, ROOT, &alice, error) &&
           fill(work, ROOT, 4, error);
}

static bool
running_snapshot_unwritten(const char *work, GError **error)
{
    return with_snapshot(work, error) && start_for(work, ROOT, &xen, error);
}

static bool
left_snapshot(const char *work, GError **error)
{
    return running_snapshot(work, error) && make_old(work, ROOT, error);
}

static bool
running_volatile(const char *work, GError **error)
{
    return with_volatile(work, error) && start_for(work, SCRATCH, &alice, error) &&
           fill(work, SCRATCH, 4, error);
}

static bool
left_volatile(const char *work, GError **error)
{
    return running_volatile(work, error) && make_old(work, SCRATCH, error);
}

static bool
resized_volatile(const char *work, GError **error)
{
    g_autofree char *dirty = file_of(work, SCRATCH, RL_FILE_DIRTY);

    if (!running_volatile(work, error))
        return false;
    set_size(dirty, 2 * SIZE);
    return true;
}

static bool
running_direct(const char *work, GError **error)
{
    return with_direct(work, error) && start_for(work, DIRECT, &alice, error) &&
           fill(work, DIRECT, 4, error);
}

static bool
left_direct(const char *work, GError **error)
{
    return running_direct(work, error) && make_old(work, DIRECT, error);
}

static bool
running_readonly(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = NULL;
    g_autoptr(RlStarted) started = NULL;

    if (!make_private(work, error) || !(pool = pool_of(work, error)))
        return false;
    started = rl_volume_start(pool, V, &alice, RL_START_READONLY, error);
    return started != NULL;
}

/* Its commit was cut off when the clean image had its second name already. */
static bool
half_committed(const char *work, GError **error)
{
    g_autofree char *clean = file_of(work, V, RL_FILE_CLEAN);
    g_autofree char *revision =
        g_build_filename(work, "pool/vm/private.img.3@2018-01-02T03:04:05Z", NULL);

    return running(work, error) && link(clean, revision) == 0;
}

/* Another program put it there, so the names tell the number. */
static bool
running_unnumbered(const char *work, GError **error)
{
    g_autofree char *clean = file_of(work, V, RL_FILE_CLEAN);

    if (!running(work, error))
        return false;
    rl_autofd int fd = open(clean, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && rl_xattr_remove(fd, RL_ATTR_HIGHEST, error);
}

/* --- starts */

static bool
start_private(const char *work, GError **error)
{
    return start_for(work, V, &alice, error);
}

static bool
start_private_for_bob(const char *work, GError **error)
{
    return start_for(work, V, &bob, error);
}

static bool
start_snapshot(const char *work, GError **error)
{
    return start_for(work, ROOT, &alice, error);
}

static bool
start_volatile(const char *work, GError **error)
{
    return start_for(work, SCRATCH, &alice, error);
}

static bool
start_direct(const char *work, GError **error)
{
    return start_for(work, DIRECT, &alice, error);
}

static bool
start_readonly(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autoptr(RlStarted) started =
        pool ? rl_volume_start(pool, V, &alice, RL_START_READONLY, error) : NULL;

    return started != NULL;
}

static bool
start_shared(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autoptr(RlStarted) started =
        pool ? rl_volume_start(pool, V, &bob, RL_START_READONLY, error) : NULL;

    return started != NULL;
}

static bool
unstart(const char *work, const char *name, bool continued, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    RlStarted started = {.volume = (char *) name, .continued = continued};

    return pool && rl_volume_unstart(pool, &started, &alice, error);
}

static bool
unstart_private(const char *work, GError **error)
{
    return unstart(work, V, false, error);
}

static bool
unstart_volatile(const char *work, GError **error)
{
    return unstart(work, SCRATCH, false, error);
}

static bool
unstart_direct(const char *work, GError **error)
{
    return unstart(work, DIRECT, false, error);
}

/* --- stops */

static bool
stop_committed(const char *work, GError **error)
{
    return stop_for(work, V, &alice, RL_STOP_COMMITTED, error);
}

/* Where it cannot be told, it was written to. */
static bool
stop_unwritten(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    RlStop stop;

    if (!pool || !rl_volume_stop(pool, V, &alice, &stop, error))
        return false;
    return stop == RL_STOP_UNWRITTEN || stop == RL_STOP_COMMITTED ||
           rl_fail(error, RL_ERROR_STATE, "the stop came to %d", stop);
}

static bool
stop_readonly(const char *work, GError **error)
{
    return stop_for(work, V, &alice, RL_STOP_DROPPED, error);
}

static bool
stop_snapshot(const char *work, GError **error)
{
    return stop_for(work, ROOT, &alice, RL_STOP_DROPPED, error);
}

static bool
stop_snapshot_unwritten(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    RlStop stop;

    if (!pool || !rl_volume_stop(pool, ROOT, &xen, &stop, error))
        return false;
    return stop == RL_STOP_UNWRITTEN || stop == RL_STOP_DROPPED ||
           rl_fail(error, RL_ERROR_STATE, "the stop came to %d", stop);
}

static bool
stop_volatile(const char *work, GError **error)
{
    return stop_for(work, SCRATCH, &alice, RL_STOP_DROPPED, error);
}

static bool
stop_direct(const char *work, GError **error)
{
    return stop_for(work, DIRECT, &alice, RL_STOP_RETURNED, error);
}

/* After a crash nobody may be known to run on it any more: the domain is started once more, and
 * goes on with what was left. */
static bool
restart(const char *work, const char *name, const RlDomainRef *owner, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    RlStop stop;

    return start_for(work, name, owner, error) && rl_volume_stop(pool, name, owner, &stop, error);
}

static bool
restart_private(const char *work, GError **error)
{
    return restart(work, V, &alice, error);
}

static bool
restart_volatile(const char *work, GError **error)
{
    return restart(work, SCRATCH, &alice, error);
}

static bool
restart_snapshot(const char *work, GError **error)
{
    return restart(work, ROOT, &xen, error);
}

static bool
restart_direct(const char *work, GError **error)
{
    return restart(work, DIRECT, &alice, error);
}

const Operation running_operations[] = {
    {"start-precache", with_precache, start_private, NULL, 0},
    {"start-clone", make_private, start_private, NULL, 0},
    {"start-clone-confined", make_private, start_private, NULL, OP_CONFINED},
    {"start-stale-precache", with_stale_precache, start_private, NULL, 0},
    {"start-readonly", with_precache, start_readonly, NULL, 0},
    {"start-shared", running_readonly, start_shared, NULL, 0},
    {"start-leftover", left, start_private_for_bob, NULL, 0},
    {"start-takeover", running, start_private, NULL, 0},
    {"start-snapshot-precache", with_snapshot_precache, start_snapshot, NULL, 0},
    {"start-snapshot-clone", with_snapshot, start_snapshot, NULL, 0},
    {"start-snapshot-leftover", left_snapshot, start_snapshot, NULL, OP_IN_PARTS},
    {"start-volatile", with_volatile, start_volatile, NULL, 0},
    {"start-volatile-confined", with_volatile, start_volatile, NULL, OP_CONFINED},
    {"start-volatile-leftover", left_volatile, start_volatile, NULL, OP_IN_PARTS},
    {"start-direct", with_direct, start_direct, NULL, 0},
    {"start-direct-linked", with_linked_direct, start_direct, NULL, 0},
    {"start-direct-confined", with_linked_direct, start_direct, NULL, OP_CONFINED},
    {"start-direct-leftover", left_direct, start_direct, NULL, 0},
    {"unstart", running_unwritten, unstart_private, restart_private,
     OP_LEAVES | OP_COUNTS_AS_WRITTEN | OP_NEEDS_BOOT},
    {"unstart-volatile", running_volatile, unstart_volatile, restart_volatile, OP_LEAVES},
    {"unstart-direct", running_direct, unstart_direct, restart_direct, OP_LEAVES},
    {"stop-commit", running, stop_committed, restart_private, OP_LEAVES},
    {"stop-commit-unnumbered", running_unnumbered, stop_committed, restart_private, OP_LEAVES},
    {"stop-commit-half-done", half_committed, stop_committed, restart_private, OP_LEAVES},
    {"stop-unwritten", running_unwritten, stop_unwritten, restart_private,
     OP_LEAVES | OP_COUNTS_AS_WRITTEN | OP_IS_CAREFUL},
    {"stop-readonly", running_readonly, stop_readonly, NULL, OP_LEAVES},
    {"stop-snapshot", running_snapshot, stop_snapshot, NULL, OP_LEAVES},
    {"stop-snapshot-unwritten", running_snapshot_unwritten, stop_snapshot_unwritten,
     restart_snapshot, OP_LEAVES | OP_IS_CAREFUL},
    {"stop-volatile", running_volatile, stop_volatile, NULL, 0},
    {"stop-volatile-resized", resized_volatile, stop_volatile, NULL, 0},
    {"stop-direct", running_direct, stop_direct, restart_direct, OP_LEAVES},
    {0},
};
