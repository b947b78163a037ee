/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "name-watch.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/autofd.h"

#define NAMES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define END (IN_DELETE_SELF | IN_MOVE_SELF)

/* A user has 128 in all (fs.inotify.max_user_instances), and root's are not ours alone. */
#define WATCHES_MAX 16

/* Whoever changes names without end must not keep the reader. */
#define READ_MAX (1024 * 1024)

struct RlNameWatch {
    int fd;
    int number; /* of the directory in it */
    pid_t
        owner; /* a child that is forked shares the queue: what it reads its parent does not see */
};

static gint watches; /* atomic */

/* Where it was tried. On a file system that other hosts mount as well, their changes are not told.
 */
static bool
is_told(int dir)
{
    struct statfs fs;

    if (fstatfs(dir, &fs) < 0)
        return false;
    uint64_t type = (uint32_t) fs.f_type;
    return type == XFS_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC || type == EXT4_SUPER_MAGIC;
}

/* The kernel gives a directory that is watched already the number that it has. Without IN_MASK_ADD
 * it would watch for nothing for a moment then, and what happens in it would be lost. */
static int
add(int fd, int dir)
{
    char self[sizeof("/proc/self/fd/") + 3 * sizeof(dir)];

    g_snprintf(self, sizeof(self), "/proc/self/fd/%d", dir);
    return inotify_add_watch(fd, self, NAMES | END | IN_ONLYDIR | IN_MASK_ADD);
}

RlNameWatch *
rl_name_watch_new(int dir)
{
    rl_autofd int fd = is_told(dir) ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC) : -1;
    int number = fd < 0 ? -1 : add(fd, dir);

    if (number < 0)
        return NULL;
    if (g_atomic_int_add(&watches, 1) >= WATCHES_MAX) {
        g_atomic_int_add(&watches, -1);
        return NULL;
    }
    RlNameWatch *watch = g_new0(RlNameWatch, 1);
    watch->fd = rl_fd_steal(&fd);
    watch->number = number;
    watch->owner = getpid();
    return watch;
}

/* False if one of them is no change of a name: IN_Q_OVERFLOW, IN_UNMOUNT, IN_IGNORED, or END. */
static bool
tell(const char *events, size_t length, RlNameChanged changed, void *data)
{
    const struct inotify_event *event;

    for (size_t at = 0; at < length; at += sizeof(*event) + event->len) {
        event = (const struct inotify_event *) (const void *) (events + at);
        if (!(event->mask & NAMES) || event->len == 0)
            return false;
        changed(event->name, data);
    }
    return true;
}

bool
rl_name_watch_read(RlNameWatch *watch, int dir, RlNameChanged changed, void *data)
{
    _Alignas(struct inotify_event) char events[16 * 1024];

    /* Numbers of inodes and dates do not tell: a snapshot of btrfs in the place of a subvolume that
     * was removed has the same, also of its device. */
    if (watch->owner != getpid() || add(watch->fd, dir) != watch->number)
        return false;
    for (size_t total = 0; total < READ_MAX;) {
        ssize_t length = read(watch->fd, events, sizeof(events));
        if (length < 0)
            return errno == EAGAIN;
        if (!tell(events, (size_t) length, changed, data))
            return false;
        total += (size_t) length;
    }
    return false;
}

void
rl_name_watch_free(RlNameWatch *watch)
{
    if (!watch)
        return;
    close(watch->fd);
    g_free(watch);
    g_atomic_int_add(&watches, -1);
}
