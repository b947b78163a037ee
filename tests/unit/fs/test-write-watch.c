/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* In how many spans of time a file is written to, by whatever descriptors. */
#include "common/fs/write-watch.h"

#include "common/base/autofd.h"
#include "harness/disturb.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two files that are watched by descriptors that can neither read nor write. */
typedef struct {
    char *paths[2];
    GArray *fds;
    RlWriteWatch *watch;
} Watched;

static void
watched_clear(Watched *watched)
{
    rl_write_watch_free(watched->watch);
    for (guint i = 0; i < watched->fds->len; i++) {
        close(g_array_index(watched->fds, int, i));
        g_free(watched->paths[i]);
    }
    g_array_unref(watched->fds);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Watched, watched_clear)

static Watched
begin(Lab *lab)
{
    Watched watched = {
        {lab_path(lab, "a"), lab_path(lab, "b")}, g_array_new(FALSE, FALSE, sizeof(int)), NULL};

    for (size_t i = 0; i < G_N_ELEMENTS(watched.paths); i++) {
        make_file(watched.paths[i], "x");
        int fd = open(watched.paths[i], O_ACCMODE | O_CLOEXEC);
        g_assert_cmpint(fd, >=, 0);
        g_array_append_val(watched.fds, fd);
    }
    watched.watch = rl_write_watch_new(watched.fds);
    return watched;
}

static int
open_to_write(const Watched *watched, guint file)
{
    int fd = open(watched->paths[file], O_RDWR | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* With a date that no other write has: the clock of files goes in ticks. */
static void
write_to(int fd)
{
    static const struct timespec tick = {.tv_nsec = 20 * 1000 * 1000};

    nanosleep(&tick, NULL);
    g_assert_cmpint(pwrite(fd, "y", 1, 0), ==, 1);
}

static void
write_once(const Watched *watched, guint file)
{
    rl_autofd int fd = open_to_write(watched, file);

    write_to(fd);
}

static bool
is_told(const Watched *watched)
{
    struct pollfd fd = {.fd = rl_write_watch_fd(watched->watch), .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

static void
test_spans(Lab *lab)
{
    g_auto(Watched) watched = begin(lab);

    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_ONCE);
    write_once(&watched, 0);
    g_assert_true(is_told(&watched));
    rl_write_watch_read(watched.watch);
    g_assert_false(is_told(&watched));
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_ONCE);
    write_once(&watched, 0);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_AGAIN);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 1), ==, RL_WRITES_ONCE);
}

/* A device model opens its disk anew before it closes it, looks at it, and closes it unwritten. */
static void
test_one_span(Lab *lab)
{
    g_auto(Watched) watched = begin(lab);

    close(open_to_write(&watched, 0));
    rl_write_watch_read(watched.watch);
    rl_autofd int first = open_to_write(&watched, 0);
    write_to(first);
    rl_autofd int second = open_to_write(&watched, 0);
    rl_fd_close(&first);
    rl_write_watch_read(watched.watch);
    write_to(second);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_ONCE);
    rl_fd_close(&second);
    rl_write_watch_read(watched.watch);
    close(open_to_write(&watched, 0));
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_ONCE);
}

static void
test_span_that_goes_on(Lab *lab)
{
    g_auto(Watched) watched = begin(lab);

    write_once(&watched, 1);
    rl_write_watch_read(watched.watch);
    rl_autofd int fd = open_to_write(&watched, 1);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 1), ==, RL_WRITES_ONCE);
    write_to(fd);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 1), ==, RL_WRITES_AGAIN);
}

/* Below a snapshot a device model reads on, and may write again: that is not known to be another.
 */
static void
test_reader(Lab *lab)
{
    g_auto(Watched) watched = begin(lab);
    rl_autofd int reader = open(watched.paths[0], O_RDONLY | O_CLOEXEC);

    write_once(&watched, 0);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_UNKNOWN);
    write_once(&watched, 0);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_UNKNOWN);
    rl_fd_close(&reader);
    write_once(&watched, 0);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_UNKNOWN);
    write_once(&watched, 0);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_AGAIN);
}

/* A size alone is a change, too. */
static void
test_sizes(Lab *lab)
{
    g_auto(Watched) watched = begin(lab);
    struct stat st;

    write_once(&watched, 0);
    rl_write_watch_read(watched.watch);
    g_assert_cmpint(stat(watched.paths[0], &st), ==, 0);
    rl_autofd int fd = open_to_write(&watched, 0);
    g_assert_cmpint(ftruncate(fd, 4096), ==, 0);
    const struct timespec back[] = {st.st_mtim, st.st_mtim};
    g_assert_cmpint(futimens(fd, back), ==, 0);
    rl_fd_close(&fd);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_AGAIN);
}

static void
test_resume(Lab *lab)
{
    g_auto(Watched) watched = begin(lab);

    rl_write_watch_resume(watched.watch, 0, RL_WRITES_UNKNOWN);
    rl_write_watch_resume(watched.watch, 1, RL_WRITES_ONCE);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_UNKNOWN);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 1), ==, RL_WRITES_ONCE);
    write_once(&watched, 1);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 1), ==, RL_WRITES_AGAIN);
    g_autoptr(RlWriteWatch) next = rl_write_watch_new(watched.fds);
    rl_write_watch_resume(next, 1, RL_WRITES_AGAIN);
    g_assert_cmpint(rl_write_watch_get(next, 1), ==, RL_WRITES_AGAIN);
    rl_write_watch_free(NULL);
}

/* More than the kernel keeps for who does not read: something may be missing. */
static void
test_too_many(Lab *lab)
{
    g_auto(Watched) watched = begin(lab);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents("/proc/sys/fs/inotify/max_queued_events", &text, NULL, NULL));
    gint64 most = g_ascii_strtoll(text, NULL, 10);
    /* Two that are alike, one after the other, are told as one. */
    for (gint64 i = 0; i <= most / 2 + 1; i++) {
        close(open_to_write(&watched, 0));
        close(open_to_write(&watched, 1));
    }
    g_assert_cmpint(rl_write_watch_get(watched.watch, 0), ==, RL_WRITES_UNKNOWN);
    g_assert_cmpint(rl_write_watch_get(watched.watch, 1), ==, RL_WRITES_UNKNOWN);
}

static void
test_no_room(Lab *lab)
{
    (void) lab;
    const int none = -1;
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));

    g_array_append_val(fds, none);
    g_autoptr(RlWriteWatch) watch = rl_write_watch_new(fds);
    g_assert_cmpint(rl_write_watch_get(watch, 0), ==, RL_WRITES_UNKNOWN);
}

void
add_tests(void)
{
    lab_add("/write-watch/spans", test_spans);
    lab_add("/write-watch/one-span", test_one_span);
    lab_add("/write-watch/goes-on", test_span_that_goes_on);
    lab_add("/write-watch/reader", test_reader);
    lab_add("/write-watch/sizes", test_sizes);
    lab_add("/write-watch/resume", test_resume);
    lab_add("/write-watch/too-many", test_too_many);
    lab_add("/write-watch/no-room", test_no_room);
}
