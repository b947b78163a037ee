/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain's hook and its guest do. A guest has the image open for as long as it runs; its
 * process does other things meanwhile. */
#include "child.h"

#include "common/base/autofd.h"
#include "common/format/file-name.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/xattr.h"
#include "common/operation/save.h"
#include "common/operation/start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int
pick_owner(void)
{
    return child.slot * 2 + 1 + pick(2);
}

void
forget_run(Run *run)
{
    g_clear_pointer(&run->started, rl_started_free);
    run->owner = 0;
    run->arriving = false;
}

/* The guest opens the path that it was given. It takes part only if what it has then is the image
 * that it was started with: a person may have put an end to that. */
void
open_image(int volume)
{
    Run *run = &child.runs[volume];
    Op *op = op_begin(OP_OPEN, volume);
    RlDomainRef owner = owner_of(run->owner);
    g_autoptr(RlVolume) there = rl_volume_open(child.pool, volume_names[volume], NULL);
    g_autoptr(RlImageOwner) is = NULL;
    struct stat st, named;

    op->owner = run->owner;
    rl_autofd int fd =
        there && there->dir >= 0 ? openat(there->dir, there->dirty_file, O_RDWR | O_CLOEXEC) : -1;
    op->there = fd >= 0 && rl_image_owner_get(fd, &is, NULL) && is &&
                rl_image_owner_is_of(is, &owner) && fstat(fd, &st) == 0 &&
                fstatat(there->dir, there->dirty_file, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                rl_stat_same(&st, &named);
    if (op->there) {
        op->ino = st.st_ino;
        op->content = content_read(fd);
        op->made = true;
        run->fd = rl_fd_steal(&fd);
        run->opened = op;
        g_clear_pointer(&run->started, rl_started_free);
    } else {
        rl_fd_close(&fd);
        forget_run(run);
    }
    op_end(op, true, NULL);
}

void
start_run(int volume, int owner_number, RlStartFlags flags)
{
    Op *op = op_begin(flags & RL_START_RESTORED   ? OP_RESTORE
                      : flags & RL_START_ARRIVING ? OP_ARRIVE
                                                  : OP_START,
                      volume);
    Run *run = &child.runs[volume];
    RlDomainRef owner = owner_of(owner_number);
    GError *error = NULL;

    op->owner = owner_number;
    RlStarted *started = rl_volume_start(child.pool, volume_names[volume], &owner, flags, &error);
    op_end(op, started, &error);
    if (!started)
        return;
    forget_run(run);
    run->owner = owner_number;
    run->started = started;
    run->arriving = flags & RL_START_ARRIVING;
    if (chance(90))
        open_image(volume);
}

int
with_run(int volume)
{
    for (int i = 0; i < VOLUMES; i++)
        if (child.runs[(volume + i) % VOLUMES].owner)
            return (volume + i) % VOLUMES;
    return volume;
}

void
do_start(int volume)
{
    /* A second start would wait for our own guest. */
    if (child.runs[volume].fd < 0)
        start_run(volume, pick_owner(), 0);
}

/* A person makes a volume's dirty image for a domain that runs, which will be given it. */
void
do_start_by_hand(int volume)
{
    Op *op = op_begin(OP_START, volume);
    RlDomainRef owner = owner_of(BY_HAND);
    GError *error = NULL;

    op->owner = BY_HAND;
    g_autoptr(RlStarted) started =
        rl_volume_start(child.pool, volume_names[volume], &owner, 0, &error);
    op_end(op, started, &error);
}

void
do_write(int volume)
{
    volume = with_run(volume);
    Run *run = &child.runs[volume];

    if (run->started && chance(50))
        open_image(volume);
    if (run->fd < 0)
        return;
    Op *op = op_begin(OP_WRITE, volume);
    op->owner = run->owner;
    op->ino = run->opened->ino;
    op->content = op->tag;
    content_write(run->fd, op->tag);
    op_end(op, true, NULL);
}

void
close_image(int volume)
{
    Run *run = &child.runs[volume];

    if (run->fd < 0)
        return;
    Op *op = op_begin(OP_CLOSE, volume);
    op->owner = run->owner;
    run->opened->closed = stamp();
    rl_fd_close(&run->fd);
    op_end(op, true, NULL);
}

static void
unstart(int volume)
{
    Run *run = &child.runs[volume];
    Op *op = op_begin(OP_UNSTART, volume);
    RlDomainRef owner = owner_of(run->owner);
    GError *error = NULL;

    op->owner = run->owner;
    op_end(op, rl_volume_unstart(child.pool, run->started, &owner, &error), &error);
    forget_run(run);
}

static void
stop(int volume)
{
    Run *run = &child.runs[volume];
    Op *op = op_begin(OP_STOP, volume);
    GError *error = NULL;

    op->owner = run->owner ? run->owner : pick_owner();
    RlDomainRef owner = owner_of(op->owner);
    bool done = rl_volume_stop(child.pool, volume_names[volume], &owner, &op->stop, &error);
    if (done && run->fd < 0)
        forget_run(run);
    op_end(op, done, &error);
}

void
do_end_of_run(int volume)
{
    if (chance(90))
        volume = with_run(volume);
    Run *run = &child.runs[volume];

    if (run->started && chance(30)) {
        unstart(volume);
        return;
    }
    /* Now and then while the guest still runs: that must be refused. */
    if (chance(95))
        close_image(volume);
    stop(volume);
}

static void
save(int volume, OpKind kind)
{
    Run *run = &child.runs[volume];
    Op *op = op_begin(kind, volume);
    GError *error = NULL;

    op->owner = run->owner ? run->owner : pick_owner();
    RlDomainRef owner = owner_of(op->owner);
    bool done = kind == OP_SAVE
                    ? rl_volume_save(child.pool, volume_names[volume], &owner, &op->there, &error)
                    : rl_volume_keep(child.pool, volume_names[volume], &owner, &op->there, &error);
    op_end(op, done, &error);
    if (done)
        forget_run(run);
}

static void
restore(int volume, int owner_number)
{
    Op *op = op_begin(OP_ANNOUNCE, volume);
    RlDomainRef owner = owner_of(owner_number);
    GError *error = NULL;

    op->owner = owner_number;
    op_end(op, rl_volume_announce_restore(child.pool, volume_names[volume], &owner, &error),
           &error);
    start_run(volume, owner_number, RL_START_RESTORED);
    if (child.runs[volume].owner != owner_number || chance(20))
        return;
    error = NULL;
    op = op_begin(OP_CONFIRM, volume);
    op->owner = owner_number;
    op_end(op, rl_volume_confirm(child.pool, volume_names[volume], &owner, &error), &error);
}

void
do_saved(int volume)
{
    Run *run = &child.runs[volume];
    int owner = run->owner ? run->owner : pick_owner();

    if ((!run->owner && chance(50)) || run->arriving)
        return;
    if (chance(90))
        close_image(volume);
    if (chance(70))
        save(volume, chance(75) ? OP_SAVE : OP_KEEP);
    if (chance(70) && run->fd < 0)
        restore(volume, owner);
}

/* Its date would hide the edit of an image at rest. */
static void
age_clean(const RlVolume *there)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000}};
    rl_autofd int fd = openat(there->dir, there->clean_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0 && !(content_read(fd) & EDITED))
        futimens(fd, times);
}

/* Time passes: a clean image at rest is old, so that a run that writes nothing can be told, and has
 * the date that others had before it (under a dirty image another date would mean an edit); and if
 * the dirty image is that of a run of ours, whose domain is gone or has it open, its run began long
 * ago.
 */
void
do_age(int volume)
{
    Op *op = op_begin(OP_AGE, volume);
    GError *error = NULL;
    g_autoptr(RlVolume) there = rl_volume_open(child.pool, volume_names[volume], &error);
    g_autoptr(RlLock) lock = there ? rl_volume_lock(there, "age", &error) : NULL;
    g_autoptr(RlImageOwner) is = NULL;

    if (lock && there->clean.there && !there->dirty.there)
        age_clean(there);
    if (lock && there->dirty.there) {
        bool runs = child.runs[volume].fd >= 0;
        rl_autofd int fd = rl_volume_open_image(there, there->dirty_file, &error);
        if (fd >= 0 && rl_image_owner_get(fd, &is, &error) && is && !is->ended &&
            (runs || !rl_lease_has_writer(fd)) && (owner_find(is) + 1) / 2 - 1 == child.slot) {
            is->since_us -= 2 * (gint64) RL_OWNER_GRACE_SECONDS * G_USEC_PER_SEC;
            rl_image_owner_put_back(fd, is, &error);
            if (!runs)
                forget_run(&child.runs[volume]);
        }
    }
    rl_lock_release(g_steal_pointer(&lock));
    op_end(op, !error, &error);
}

/* The last process of this place was killed, or came to its end with guests running. Their ends are
 * told to the hook now, or never; then others have to see to what is left. */
void
do_inherit(int volume)
{
    g_autoptr(RlVolume) there = rl_volume_open(child.pool, volume_names[volume], NULL);
    g_autoptr(RlImageOwner) is = NULL;
    rl_autofd int fd =
        there && there->dirty.there ? rl_volume_open_image(there, there->dirty_file, NULL) : -1;

    if (fd < 0 || !rl_image_owner_get(fd, &is, NULL) || !is ||
        (owner_find(is) + 1) / 2 - 1 != child.slot)
        return;
    rl_fd_close(&fd);
    if (chance(50)) {
        do_age(volume);
        return;
    }
    child.runs[volume].owner = owner_find(is);
    stop(volume);
    forget_run(&child.runs[volume]);
}
