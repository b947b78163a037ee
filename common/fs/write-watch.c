/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "write-watch.h"

#include <stdbool.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "lease.h"

typedef struct {
    int fd;
    int number; /* in the queue; -1 where it is not told */
    struct timespec date;
    off_t size;
    guint spans; /* that have ended */
    bool read;   /* when a writer closed it, others went on reading: a span may have ended */
} File;

struct RlWriteWatch {
    int queue;
    GArray *files; /* File */
};

static void
set_date(File *file, const struct stat *st)
{
    file->date = st->st_mtim;
    file->size = st->st_size;
}

static bool
has_date(const File *file, const struct stat *st)
{
    return file->date.tv_sec == st->st_mtim.tv_sec && file->date.tv_nsec == st->st_mtim.tv_nsec &&
           file->size == st->st_size;
}

static File
watch_file(int queue, int fd)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    File file = {.fd = fd, .number = -1};
    struct stat st;

    /* What is written after this is told. */
    int number = queue < 0 ? -1 : inotify_add_watch(queue, self, IN_CLOSE_WRITE);
    if (number < 0 || fstat(fd, &st) < 0)
        return file;
    set_date(&file, &st);
    file.number = number;
    return file;
}

RlWriteWatch *
rl_write_watch_new(const GArray *fds)
{
    RlWriteWatch *watch = g_new0(RlWriteWatch, 1);

    watch->queue = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->files = g_array_new(FALSE, FALSE, sizeof(File));
    for (guint i = 0; i < fds->len; i++) {
        File file = watch_file(watch->queue, g_array_index(fds, int, i));
        g_array_append_val(watch->files, file);
    }
    return watch;
}

int
rl_write_watch_fd(const RlWriteWatch *watch)
{
    return watch->queue;
}

void
rl_write_watch_resume(RlWriteWatch *watch, guint index, RlWrites before)
{
    File *file = &g_array_index(watch->files, File, index);

    if (before == RL_WRITES_UNKNOWN)
        file->number = -1;
    file->spans = before == RL_WRITES_AGAIN ? 2 : 1;
}

/* The kernel tells of a closing a moment before it counts one descriptor less, and whoever asks for
 * a lease is in the way of others. */
static bool
stays_open(const File *file)
{
    for (int tries = 0; tries < 6; tries++) {
        if (!rl_lease_has_opener(file->fd))
            return false;
        g_usleep(1000UL << tries);
    }
    return true;
}

/* A span has ended if nobody has the file open now, and somebody has written to it. A device model
 * that goes on reading may write again, as below a snapshot: that is no other one who writes. */
static void
look(File *file)
{
    struct stat st;

    if (fstat(file->fd, &st) < 0 || has_date(file, &st))
        return;
    if (stays_open(file)) {
        file->read |= !rl_lease_has_writer(file->fd);
        return;
    }
    set_date(file, &st);
    file->spans++;
}

/* Of two descriptors on one file the queue has one number. Where the queue was full, or the file
 * system is gone (number -1, IN_IGNORED), nothing is known any more. */
static void
tell(RlWriteWatch *watch, const struct inotify_event *event)
{
    bool lost = !(event->mask & IN_CLOSE_WRITE);

    for (guint i = 0; i < watch->files->len; i++) {
        File *file = &g_array_index(watch->files, File, i);
        if (file->number < 0 || (file->number != event->wd && event->wd >= 0))
            continue;
        if (lost)
            file->number = -1;
        else
            look(file);
    }
}

void
rl_write_watch_read(RlWriteWatch *watch)
{
    _Alignas(struct inotify_event) char events[4096];
    const struct inotify_event *event;
    ssize_t length;

    while (watch->queue >= 0 && (length = read(watch->queue, events, sizeof(events))) > 0)
        for (ssize_t at = 0; at < length; at += (ssize_t) (sizeof(*event) + event->len)) {
            event = (const struct inotify_event *) (const void *) (events + at);
            tell(watch, event);
        }
}

RlWrites
rl_write_watch_get(RlWriteWatch *watch, guint index)
{
    struct stat st;

    rl_write_watch_read(watch);
    const File *file = &g_array_index(watch->files, File, index);
    if (file->number < 0 || fstat(file->fd, &st) < 0)
        return RL_WRITES_UNKNOWN;
    if (file->spans + (has_date(file, &st) ? 0 : 1) > 1)
        return RL_WRITES_AGAIN;
    return file->read ? RL_WRITES_UNKNOWN : RL_WRITES_ONCE;
}

void
rl_write_watch_free(RlWriteWatch *watch)
{
    if (!watch)
        return;
    rl_fd_close(&watch->queue);
    g_array_unref(watch->files);
    g_free(watch);
}
