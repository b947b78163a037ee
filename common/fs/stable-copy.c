/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stable-copy.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/error.h"
#include "file-date.h"
#include "file-error.h"
#include "inode.h"

/* A guest that is idle writes now and then. */
#define ATTEMPTS_MAX 3
/* Longer than the coarsest date. */
#define TICK_PATIENCE_MS 2500

typedef struct {
    int from;
    struct stat before;
    bool written;
    const RlCopyWatch *waiting; /* may be NULL */
} Watch;

/* Loop devices, direct I/O and discard all set the date. Whoever puts that back, as some backup
 * programs do, changes the other one (st_ctim). */
static bool
look_if_written(Watch *watch)
{
    struct stat now = {0}; /* what cannot be looked at any more counts as written */

    fstat(watch->from, &now);
    watch->written = now.st_size != watch->before.st_size ||
                     !rl_stat_same_date(&now, &watch->before) ||
                     now.st_ctim.tv_sec != watch->before.st_ctim.tv_sec ||
                     now.st_ctim.tv_nsec != watch->before.st_ctim.tv_nsec;
    return watch->written;
}

/* The rest of a copy that is none any more takes time for nothing. */
static bool
is_worth_it(void *data)
{
    Watch *watch = data;
    const RlCopyWatch *waiting = watch->waiting;

    return !look_if_written(watch) &&
           (!waiting || !waiting->go_on || waiting->go_on(waiting->data));
}

/* Has its date come by the clock that files are dated by? */
static bool
has_come(const Watch *watch)
{
    const struct timespec *date = &watch->before.st_mtim;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return date->tv_sec < now.tv_sec ||
           (date->tv_sec == now.tv_sec && date->tv_nsec <= now.tv_nsec);
}

/* May what is done from now on leave the dates as they are? */
static bool
may_recur(const Watch *watch)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return rl_date_may_recur(&watch->before.st_mtim, &now) ||
           rl_date_may_recur(&watch->before.st_ctim, &now);
}

/* What is written in the same tick of the clock, or in the same second where a file system keeps
 * no less, does not show. A date that is further ahead is not waited for. */
static void
wait_for_tick(const Watch *watch)
{
    for (int i = 0; i < TICK_PATIENCE_MS && has_come(watch) && may_recur(watch); i++)
        g_usleep(1000);
}

/* Returns whether it was copied; if @watch->written, that was for nothing. */
static bool
copy_once(Watch *watch, int to, GError **error)
{
    if (fstat(watch->from, &watch->before) < 0)
        return rl_fail_file(error, errno, watch->from, "cannot examine");
    if (ftruncate(to, 0) < 0)
        return rl_fail_file(error, errno, to, "cannot set the size of");
    wait_for_tick(watch);
    bool ahead = !has_come(watch);
    const RlCopyWatch copying = {.go_on = is_worth_it,
                                 .data = watch,
                                 .progress =
                                     watch->waiting ? watch->waiting->progress : (RlProgress){0}};
    if (!rl_sparse_copy(watch->from, to, &copying, error) || look_if_written(watch))
        return false;
    /* Was its date just that when it came, or has it been written to in that moment? */
    watch->written = ahead && has_come(watch);
    return !watch->written;
}

bool
rl_stable_copy(int from, int to, const RlCopyWatch *waiting, GError **error)
{
    Watch watch = {.from = from, .waiting = waiting};

    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        g_autoptr(GError) cause = NULL;
        if (copy_once(&watch, to, &cause))
            return true;
        if (!watch.written) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        watch.written = false;
    }
    g_autofree char *label = rl_file_label(from);
    return rl_fail(error, RL_ERROR_BUSY,
                   "%s changed while it was copied, and this file system has no reflinks. Suspend "
                   "the domain that writes to it ('virsh suspend') during the copy, or stop it",
                   label);
}

bool
rl_stable_begin(int fd, struct stat *ret_before, GError **error)
{
    Watch watch = {.from = fd};

    if (fstat(fd, &watch.before) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    *ret_before = watch.before;
    /* That one is not compared. */
    watch.before.st_ctim = watch.before.st_mtim;
    wait_for_tick(&watch);
    return true;
}

bool
rl_stable_is_same(int fd, const struct stat *before)
{
    struct stat now;

    return fstat(fd, &now) == 0 && now.st_size == before->st_size &&
           rl_stat_same_date(&now, before);
}
