/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that know nothing of pools: one writes to an image at rest, another one puts a file
 * where the path of a volume is to be. */
#include "child.h"

#include "common/base/autofd.h"
#include "common/fs/inode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written so soon after an image got its content may get the date of that. */
#define TICK_US (20 * 1000)

static char *
path_of(int volume)
{
    return g_build_filename(pool_path, volume_names[volume], NULL);
}

/* By the path that clients of libvirt know, or by the name of the file. */
static int
open_clean(int volume)
{
    g_autofree char *path = path_of(volume);
    g_autoptr(RlVolume) there = rl_volume_open(child.pool, volume_names[volume], NULL);

    if (has_link(volume) && chance(50))
        return open(path, O_RDWR | O_CLOEXEC);
    return there && there->dir >= 0 ? openat(there->dir, there->clean_file, O_RDWR | O_CLOEXEC)
                                    : -1;
}

static bool
is_at_rest(const RlVolume *there, const struct stat *st)
{
    gint64 written = st->st_mtim.tv_sec * G_USEC_PER_SEC + st->st_mtim.tv_nsec / 1000;

    return there->clean.there && !there->dirty.there && rl_stat_same(&there->clean.st, st) &&
           g_get_real_time() - written > TICK_US;
}

/* The program has no lock, but while it opens and closes the image; the test has it while the
 * program writes, so that it knows in which order that was, and that it was at rest. */
static void
write_at_rest(Op *op, int fd, GError **error)
{
    g_autoptr(RlVolume) there = rl_volume_open(child.pool, volume_names[op->volume], error);
    g_autoptr(RlLock) lock = there ? rl_volume_lock(there, "edit", error) : NULL;
    struct stat st;

    if (lock && fstat(fd, &st) == 0 && is_at_rest(there, &st)) {
        op->ino = st.st_ino;
        op->content = op->tag | EDITED;
        content_write(fd, op->content);
        op->there = true;
    }
    rl_lock_release(g_steal_pointer(&lock));
}

void
close_edit(void)
{
    Op *op = child.edit.op;

    op->closed = stamp();
    rl_fd_close(&child.edit.fd);
    op->gone = stamp();
    child.edit.op = NULL;
}

/* While it has the image open, other operations on it wait for a moment, and are refused: so now
 * and then only. */
void
do_edit(int volume)
{
    GError *error = NULL;

    if (!keeps_content(volume) || child.edit.op)
        return;
    Op *op = op_begin(OP_EDIT, volume);
    child.edit = (Edit){.fd = open_clean(volume), .op = op};
    if (chance(20))
        g_usleep((gulong) pick(2000));
    if (child.edit.fd >= 0)
        write_at_rest(op, child.edit.fd, &error);
    op_end(op, !error, &error);
    if (!op->there || chance(90))
        close_edit();
}

/* With the lock in the place of the link, since who removes that may have looked at it already; or
 * without, if nothing is there. */
static bool
put(Op *op, const char *path, bool over)
{
    g_autofree char *from = g_strdup_printf("%s.foreign-%d", pool_path, op->volume);
    rl_autofd int fd = open(from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat st;

    op->content = op->tag;
    if (fd < 0 || write(fd, &op->content, sizeof(op->content)) != sizeof(op->content) ||
        fstat(fd, &st) < 0)
        g_error("cannot write %s: %s", from, g_strerror(errno));
    op->ino = st.st_ino;
    bool done = over ? rename(from, path) == 0 : link(from, path) == 0;
    unlink(from);
    return done;
}

/* One process has to do with one volume's. */
void
do_foreign(int volume)
{
    if (!has_link(volume) || volume % 2 != child.slot)
        return;
    if (foreign_look(volume).there) {
        if (chance(60))
            take_away(volume);
        return;
    }
    g_autofree char *path = path_of(volume);
    Op *op = op_begin(OP_FOREIGN, volume);
    GError *error = NULL;
    g_autoptr(RlVolume) there =
        chance(50) ? rl_volume_open(child.pool, volume_names[volume], &error) : NULL;
    g_autoptr(RlLock) lock = there ? rl_volume_lock(there, "put a file", &error) : NULL;
    op->found = foreign_look(volume);
    op->there = put(op, path, lock);
    rl_lock_release(g_steal_pointer(&lock));
    op_end(op, !error, &error);
}

void
take_away(int volume)
{
    g_autofree char *path = path_of(volume);
    Op *op = op_begin(OP_TAKE_AWAY, volume);

    op->found = foreign_look(volume);
    if (op->found.there && unlink(path) < 0)
        g_error("cannot remove %s: %s", path, g_strerror(errno));
    op_end(op, true, NULL);
}
