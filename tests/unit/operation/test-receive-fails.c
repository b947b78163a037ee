/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Streams whose reception fails halfway: the volume is what it was, or all of what comes, and what
 * is kept of the stream is good to go on with. */
#include "common/base/autofd.h"
#include "common/format/stream-writer.h"
#include "harness/disturb.h"
#include "harness/sending.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define V SENT
#define COPY SENT_COPY
#define SIZE (1 * MIB)

/* What is to be received, with a pool of its own. */
static RlReceive how;
static RlReceived received;
static RlPool *pool;

ATTEMPT(receive, rl_receive(g_steal_pointer(&pool), &how, &received, error))

static void
get_ready(Lab *lab, const char *name, int fd, uint64_t keep_every)
{
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    how = (RlReceive){.name = name, .in = fd, .keep_every = keep_every};
    g_clear_pointer(&pool, rl_pool_close);
    pool = lab_pool(lab);
}

static bool
receive_disturbed(Lab *lab, Disturbance *at, GError **error)
{
    bool done = disturb(lab, at, receive, error);

    g_clear_pointer(&pool, rl_pool_close);
    return done;
}

/* The states "one" and "two", and the stream from the first to the second, with data and a hole. */
static int
make_states(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    rl_autofd int dirty = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    char zeros[4 * KIB] = {0};
    g_assert_cmpint(pwrite(dirty, "more", 4, (off_t) (256 * KIB)), ==, 4);
    g_assert_cmpint(pwrite(dirty, zeros, sizeof(zeros), (off_t) (4 * KIB)), ==, sizeof(zeros));
    rl_fd_close(&dirty);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    return send_state(lab, V, V "@1");
}

/* It is all of the one or the other state of V. True for the second. */
static bool
is_second(Lab *lab, const char *name)
{
    g_autofree char *path = lab_file(lab, name, RL_FILE_CLEAN), *begins = read_at(path, 0, 3);
    bool second = g_str_has_prefix(begins, "two");
    g_autofree char *wanted = second ? lab_file(lab, V, RL_FILE_CLEAN) : revision_path(lab, V, "1");

    send_same_files(path, wanted);
    return second;
}

/* --- every call */

typedef bool (*Trial)(Lab *lab, Disturbance *at, const char *name, int fd);

/* Tries it with volumes of new names while one of the file calls after the other fails, until none
 * is left. */
static void
sweep(Lab *lab, Trial trial, int fd)
{
    guint failures = 0;

    for (guint first = 0, made = 0; made >= first;) {
        Disturbance at = {.first = ++first, .count = 1, .code = EIO};
        g_autofree char *name = g_strdup_printf("backup/%u", first);
        failures += !trial(lab, &at, name, fd);
        made = at.made;
    }
    g_assert_cmpuint(failures, >, 0);
}

static bool
receives_changes(Lab *lab, Disturbance *at, const char *name, int fd)
{
    GError *error = NULL;

    send_move(lab, V "@1", NULL, name);
    get_ready(lab, name, fd, 0);
    bool done = receive_disturbed(lab, at, &error);
    g_assert_true(done == !error);
    g_clear_error(&error);
    bool second = is_second(lab, name);
    g_assert_true(second || !done);
    /* It is no obstacle for the next attempt. */
    if (!second)
        send_receive(lab, name, fd);
    g_assert_true(is_second(lab, name));
    return done;
}

static void
test_changes(Lab *lab)
{
    rl_autofd int fd = make_states(lab);

    sweep(lab, receives_changes, fd);
}

static bool
receives_new(Lab *lab, Disturbance *at, const char *name, int fd)
{
    GError *error = NULL;

    get_ready(lab, name, fd, 0);
    bool done = receive_disturbed(lab, at, &error);
    g_assert_true(done == !error);
    g_clear_error(&error);
    g_assert_true(image_is_there(lab, name, RL_FILE_CLEAN) || !done);
    if (!image_is_there(lab, name, RL_FILE_CLEAN))
        send_receive(lab, name, fd);
    g_assert_true(is_second(lab, name));
    return done;
}

static void
test_new(Lab *lab)
{
    close(make_states(lab));
    rl_autofd int fd = send_state(lab, V, NULL);

    sweep(lab, receives_new, fd);
}

/* All but the end comes, while a call fails; then the rest. */
static bool
receives_part(Lab *lab, Disturbance *at, const char *name, int fd)
{
    RlPartialNote came;
    g_autoptr(GError) error = NULL;

    get_ready(lab, name, fd, 1);
    g_assert_false(receive_disturbed(lab, at, &error));
    g_assert_nonnull(error);
    g_assert_false(image_is_there(lab, name, RL_FILE_CLEAN));
    if (send_kept(lab, name, &came)) {
        rl_autofd int rest = send_rest(lab, V, NULL, &came, NULL);
        send_receive(lab, name, rest);
        g_assert_true(is_second(lab, name));
        g_assert_false(send_kept(lab, name, &came));
    }
    return error->domain != RL_ERRNO;
}

static void
test_part(Lab *lab)
{
    close(make_states(lab));
    rl_autofd int fd = send_state(lab, V, NULL);

    g_assert_cmpint(ftruncate(fd, lseek(fd, 0, SEEK_END) - 10), ==, 0);
    sweep(lab, receives_part, fd);
}

/* All but the end has come; the rest, while a call fails. */
static bool
receives_rest(Lab *lab, Disturbance *at, const char *name, int fd)
{
    RlPartialNote came;
    GError *error = NULL;

    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    g_assert_false(send_receive_part(lab, name, fd, lseek(fd, 0, SEEK_END) - 10, NULL));
    g_assert_true(send_kept(lab, name, &came));
    rl_autofd int rest = send_rest(lab, V, NULL, &came, NULL);
    get_ready(lab, name, rest, 1);
    bool done = receive_disturbed(lab, at, &error);
    g_assert_true(done == !error);
    g_clear_error(&error);
    if (!image_is_there(lab, name, RL_FILE_CLEAN)) {
        g_assert_false(done);
        send_receive(lab, name, send_kept(lab, name, &came) ? rest : fd);
    }
    g_assert_true(is_second(lab, name));
    return done;
}

static void
test_rest(Lab *lab)
{
    close(make_states(lab));
    rl_autofd int fd = send_state(lab, V, NULL);

    sweep(lab, receives_rest, fd);
}

/* --- what is said */

static void
fails_without_call(Lab *lab, int fd, long nr, const char *words)
{
    Disturbance at = {.nr = nr, .first = 1, .code = EIO};
    GError *error = NULL;

    get_ready(lab, COPY, fd, 0);
    g_assert_false(receive_disturbed(lab, &at, &error));
    take_errno(error, EIO, words);
    g_assert_false(is_second(lab, COPY));
    assert_revisions(lab, COPY, "");
}

static void
test_messages(Lab *lab)
{
    rl_autofd int fd = make_states(lab);

    send_move(lab, V "@1", NULL, COPY);
    fails_without_call(lab, fd, SYS_pwrite64, COPY " & cannot write");
    fails_without_call(lab, fd, SYS_fallocate, COPY " & hole");
    fails_without_call(lab, fd, SYS_fsetxattr, "attribute");
    send_receive(lab, COPY, fd);
    g_assert_true(is_second(lab, COPY));
}

/* What could not be made durable is not kept: the next fsync(2) may succeed without it. */
static void
test_not_durable(Lab *lab)
{
    Disturbance at = {.nr = SYS_fsync, .first = 1, .count = 1, .code = EIO};
    g_autofree char *dir = lab_path(lab, "backup");
    RlPartialNote came;
    GError *error = NULL;

    close(make_states(lab));
    rl_autofd int fd = send_state(lab, V, NULL);
    send_move(lab, V, NULL, "backup/other");
    get_ready(lab, COPY, fd, 1);
    g_assert_false(receive_disturbed(lab, &at, &error));
    take_errno(g_steal_pointer(&error), EIO, "cannot sync");
    g_assert_false(send_kept(lab, COPY, &came));
    assert_list(dir, "other.img");
    /* At the end of a stream that is cut off: that it ends is the failure. */
    rl_autofd int cut = send_state(lab, V, NULL);
    g_assert_cmpint(ftruncate(cut, lseek(cut, 0, SEEK_END) - 10), ==, 0);
    get_ready(lab, COPY, cut, MIB);
    g_assert_false(receive_disturbed(lab, &at, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "ends");
    g_assert_false(send_kept(lab, COPY, &came));
    assert_list(dir, "other.img");
}

/* --- others, meanwhile */

typedef struct {
    Lab *lab;
    uint64_t at;
    bool starts; /* a domain, at the first part */
} Watch;

static void
watch(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    Watch *one = data;

    g_assert_cmpuint(at, >, one->at);
    g_assert_cmpuint(at, <=, size);
    g_assert_cmpuint(moved, <=, at);
    if (one->starts)
        lab_start(one->lab, COPY, &alice);
    one->starts = false;
    one->at = at;
}

static bool
receive_watched(Lab *lab, int fd, uint64_t keep_every, bool starts, GError **error)
{
    Watch one = {.lab = lab, .starts = starts};

    get_ready(lab, COPY, fd, keep_every);
    how.progress = (RlProgress){watch, &one};
    bool done = receive(lab, error);
    how.progress = (RlProgress){0};
    g_assert_cmpuint(one.at, >, 0);
    return done;
}

static void
test_started_meanwhile(Lab *lab)
{
    rl_autofd int fd = make_states(lab);
    RlPartialNote came;
    GError *error = NULL;

    send_move(lab, V "@1", NULL, COPY);
    for (guint keep_every = 0; keep_every < 2; keep_every++) {
        g_assert_false(receive_watched(lab, fd, keep_every, true, &error));
        take_error(g_steal_pointer(&error), RL_ERROR_STATE, COPY " & alice");
        g_assert_cmpint(lab_state(lab, COPY), ==, RL_STATE_RUNNING);
        g_assert_false(is_second(lab, COPY));
        g_assert_cmpint(send_kept(lab, COPY, &came), ==, keep_every);
        lab_stop(lab, COPY, &alice, RL_STOP_UNWRITTEN);
    }
    g_assert_cmpuint(came.at, ==, 260 * KIB);
    g_assert_true(receive_watched(lab, fd, 0, false, &error));
    g_assert_no_error(error);
    g_assert_true(is_second(lab, COPY));
    g_assert_false(send_kept(lab, COPY, &came));
}

/* --- streams that do not fit */

static int
forge(const RlStateId *state, const RlStateId *base)
{
    rl_autofd int fd = memfd_create("stream", MFD_CLOEXEC);
    g_autoptr(RlStreamWriter) writer = rl_stream_writer_new(fd, state, base, NULL);

    g_assert_true(rl_stream_writer_end(writer, NULL));
    return rl_fd_steal(&fd);
}

/* Of a date that no calendar has. */
static void
test_odd_date(Lab *lab)
{
    const RlStateId state = {"0123456789abcdef0123456789abcdef", SIZE, {0, 0}},
                    base = {"fedcba9876543210fedcba9876543210", SIZE, {G_MAXINT64, 0}};
    rl_autofd int fd = forge(&state, &base);

    lab_create(lab, COPY, "one", SIZE);
    send_receive_fails(lab, COPY, fd, RL_ERROR_STATE, COPY " & fedcba98 & unknown date");
    image_is(lab, COPY, RL_FILE_CLEAN, "one");
    assert_revisions(lab, COPY, "");
}

/* A process that may not write files of that size would be ended by a signal. */
static void
test_size_limit(Lab *lab)
{
    const RlStateId state = {"0123456789abcdef0123456789abcdef", 64 * MIB, {0, 0}};
    rl_autofd int fd = forge(&state, NULL);
    struct rlimit before, small;
    GError *error = NULL;

    lab_create(lab, COPY, "one", SIZE);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    small = before;
    small.rlim_cur = 16 * MIB;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
    bool done = send_receive_try(lab, COPY, fd, &received, &error);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
    g_assert_false(done);
    take_errno(error, EFBIG, "file size limit");
    image_is(lab, COPY, RL_FILE_CLEAN, "one");
    assert_revisions(lab, COPY, "");
}

void
add_tests(void)
{
    lab_add_on("/receive-fails/changes", "xfs btrfs", test_changes);
    lab_add_on("/receive-fails/new", "xfs", test_new);
    lab_add_on("/receive-fails/part", "xfs", test_part);
    lab_add_on("/receive-fails/rest", "xfs btrfs", test_rest);
    lab_add_on("/receive-fails/messages", "xfs btrfs", test_messages);
    lab_add("/receive-fails/not-durable", test_not_durable);
    lab_add_on("/receive-fails/started-meanwhile", "xfs btrfs", test_started_meanwhile);
    lab_add("/receive-fails/odd-date", test_odd_date);
    lab_add("/receive-fails/size-limit", test_size_limit);
}
