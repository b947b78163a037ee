/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that pass to another domain while that runs, come from another host, or wait for what is
 * to follow the end of their run. */
#include "child.h"

#include "common/base/autofd.h"
#include "common/format/ended-note.h"
#include "common/fs/lease.h"
#include "common/operation/arrival.h"
#include "common/operation/claim.h"
#include "common/operation/end-of-run.h"
#include "common/operation/maintenance.h"

static void
take_run(int volume, int owner)
{
    Run *run = &child.runs[volume];

    forget_run(run);
    run->owner = owner;
    if (chance(80))
        open_image(volume);
}

/* A domain that runs was given the disk, and a hook is called with its XML. */
void
do_claim(int volume)
{
    if (child.runs[volume].fd >= 0)
        return;
    Op *op = op_begin(OP_CLAIM, volume);
    GError *error = NULL;

    op->owner = pick_owner();
    RlDomainRef owner = owner_of(op->owner);
    const RlClaim claim = {.to = &owner};
    bool done = rl_volume_claim(child.pool, volume_names[volume], &claim, &op->there, &error);
    op_end(op, done, &error);
    if (done && op->there)
        take_run(volume, op->owner);
}

/* One of our domains ends, and the other one has its disk. */
void
do_pass_on(int volume)
{
    volume = with_run(volume);
    Run *run = &child.runs[volume];

    if (!run->owner || run->owner > OWNERS)
        return;
    close_image(volume);
    Op *op = op_begin(OP_PASS_ON, volume);
    GError *error = NULL;
    op->from = run->owner;
    op->owner = run->owner % 2 ? run->owner + 1 : run->owner - 1;
    RlDomainRef from = owner_of(op->from), to = owner_of(op->owner);
    const RlClaim claim = {.from = &from, .to = &to};
    bool done = rl_volume_pass_on(child.pool, volume_names[volume], &claim, &op->there, &error);
    op_end(op, done, &error);
    if (done && op->there)
        take_run(volume, op->owner);
}

static void
confirm(int volume, OpKind kind)
{
    Run *run = &child.runs[volume];
    Op *op = op_begin(kind, volume);
    GError *error = NULL;

    op->owner = run->owner;
    RlDomainRef owner = owner_of(op->owner);
    bool done = kind == OP_ARRIVED
                    ? rl_volume_arrived(child.pool, volume_names[volume], &owner, &error)
                    : rl_volume_refute_arrival(child.pool, volume_names[volume], &owner, &error);
    if (done)
        run->arriving = false;
    op_end(op, done, &error);
}

static void
drop(int volume)
{
    Run *run = &child.runs[volume];
    Op *op = op_begin(OP_DROP_ARRIVAL, volume);
    GError *error = NULL;
    bool committed;

    op->owner = run->owner;
    RlDomainRef owner = owner_of(op->owner);
    const RlEnd end = {.owner = &owner, .reason = RL_END_ARRIVING};
    bool done = rl_volume_end(child.pool, volume_names[volume], &end, &committed, &error);
    if (done && run->fd < 0)
        forget_run(run);
    op_end(op, done, &error);
}

/* A guest comes by a migration, which writes its disk; or that is broken off. */
void
do_arrival(int volume)
{
    Run *run = &child.runs[volume];

    if (!run->owner)
        start_run(volume, pick_owner(), RL_START_ARRIVING);
    if (!run->arriving)
        return;
    do_write(volume);
    if (!run->owner || chance(20))
        return;
    if (chance(50)) {
        confirm(volume, chance(70) ? OP_ARRIVED : OP_REFUTE);
        return;
    }
    if (chance(90))
        close_image(volume);
    drop(volume);
}

/* The end of a run that this process has found no space on the disk, as rl_volume_stop() notes it.
 */
static void
note_end(int volume)
{
    Run *run = &child.runs[volume];
    Op *op = op_begin(OP_NOTE_END, volume);
    GError *error = NULL;
    g_autoptr(RlVolume) there = rl_volume_open(child.pool, volume_names[volume], &error);
    g_autoptr(RlLock) lock = there ? rl_volume_lock(there, "note its end", &error) : NULL;
    g_autoptr(RlImageOwner) is = NULL;
    RlDomainRef owner = owner_of(run->owner);
    RlMark mark = RL_MARK_SUSPECT;

    if (lock && there->dirty.there) {
        rl_autofd int fd = rl_volume_open_image(there, there->dirty_file, &error);
        if (fd >= 0 && rl_image_owner_get(fd, &is, &error) && rl_mark_get(fd, &mark, &error) &&
            is && rl_image_owner_is_of(is, &owner) && !is->arriving && mark != RL_MARK_SAVED &&
            mark != RL_MARK_SUSPECT && !rl_lease_has_writer(fd))
            rl_ended_note(child.pool->dev, child.pool->ino, volume_names[volume], fd, is->since_us);
    }
    rl_lock_release(g_steal_pointer(&lock));
    forget_run(run);
    op_end(op, !error, &error);
}

void
do_end_late(int volume)
{
    int own = with_run(volume);
    Run *run = &child.runs[own];

    if (run->owner && !run->arriving && chance(60)) {
        close_image(own);
        note_end(own);
        volume = own;
    }
    if (chance(50))
        return;
    Op *op = op_begin(OP_END_LATE, volume);
    GError *error = NULL;
    op_end(op, rl_volume_end_late(child.pool, volume_names[volume], &op->there, &error), &error);
}
