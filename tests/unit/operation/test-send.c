/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* States that are sent and received are the same, byte for byte; and what does not fit, or does not
 * come through whole, changes nothing. */
#include "common/base/autofd.h"
#include "common/format/stream-writer.h"
#include "common/fs/xattr.h"
#include "common/operation/receive.h"
#include "common/operation/resize.h"
#include "common/operation/send.h"
#include "common/pool/capacity.h"
#include "harness/disturb.h"
#include "harness/sending.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define V SENT
#define COPY SENT_COPY
#define SIZE (2 * MIB)

static void
test_full(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    rl_autofd int fd = send_state(lab, V, NULL);
    RlReceived received = send_receive(lab, COPY, fd);

    g_assert_true(received.created && !received.incremental);
    g_assert_cmpint(received.moved, <=, 64 * KIB);
    send_same_volumes(lab);
    /* Again, onto what is there: a revision more. */
    lab_run(lab, COPY, "another");
    assert_revisions(lab, COPY, "1");
    received = send_receive(lab, COPY, fd);
    g_assert_false(received.created);
    g_assert_cmpint(received.revision, ==, 2);
    send_same_volumes(lab);
    assert_revisions(lab, COPY, "1 2");
    revision_is(lab, COPY, "2", "another");
    /* What was received is a volume as any other. */
    lab_run(lab, COPY, "goes on");
    image_is(lab, COPY, RL_FILE_CLEAN, "goes on");
}

static void
test_incremental(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    send_move(lab, V, NULL, COPY);
    lab_run(lab, V, "two");
    rl_autofd int fd = send_state(lab, V, V "@1");
    RlReceived received = send_receive(lab, COPY, fd);
    g_assert_true(received.incremental && !received.created);
    g_assert_cmpint(received.moved, ==, 4 * KIB);
    send_same_volumes(lab);
    revision_is(lab, COPY, "1", "one");
    /* And the next one; the state before is the base. */
    lab_run(lab, V, "three");
    send_move(lab, V, V "@2", COPY);
    send_same_volumes(lab);
    /* Nothing changed: a state all the same. */
    send_move(lab, V, V, COPY);
    send_same_volumes(lab);
    assert_revisions(lab, COPY, "1 2 3");
}

/* From the copy to its copy, and back: a state stays the same state. */
static void
test_there_and_back(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    send_move(lab, V, NULL, COPY);
    send_move(lab, COPY, NULL, "third");
    lab_run(lab, V, "two");
    send_move(lab, V, V "@1", "third");
    image_is(lab, "third", RL_FILE_CLEAN, "two");
    send_move(lab, V, V "@1", COPY);
    lab_run(lab, COPY, "three");
    send_move(lab, COPY, COPY "@2", V);
    image_is(lab, V, RL_FILE_CLEAN, "three");
    revision_is(lab, V, "2", "two");
}

/* Named revisions outlive automatic ones. */
static void
test_labels(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    send_label(lab, V, V "@monday");
    lab_run(lab, V, "two");
    send_label(lab, V, V "@tuesday");
    lab_run(lab, V, "three");
    send_move(lab, V "@monday", NULL, COPY);
    image_is(lab, COPY, RL_FILE_CLEAN, "one");
    send_move(lab, V "@tuesday", V "@monday", COPY);
    image_is(lab, COPY, RL_FILE_CLEAN, "two");
    /* The last committed state of one that runs. */
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "not committed");
    send_move(lab, V, V "@tuesday", COPY);
    image_is(lab, COPY, RL_FILE_CLEAN, "three");
}

/* What lies behind the end of a state, cut by hand within a sector, is not what its base had there.
 */
static void
test_cut_within_a_sector(Lab *lab)
{
    const off_t end = SIZE / 2 + 101;
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    g_autofree char *data = g_strnfill(SIZE, 'A');
    char tail[RL_SECTOR] = "";

    lab_create(lab, V, "", SIZE);
    write_at(clean, 0, data);
    send_label(lab, V, V "@whole");
    send_move(lab, V "@whole", NULL, COPY);
    g_assert_no_errno(truncate(clean, end));
    send_move(lab, V, V "@whole", COPY);
    rl_autofd int copy = image_open(lab, COPY, RL_FILE_CLEAN, O_RDONLY);
    g_assert_cmpint(pread(copy, tail, sizeof(tail), end), ==, RL_SECTOR - 101);
    for (size_t i = 0; i < sizeof(tail); i++)
        g_assert_cmpint(tail[i], ==, 0);
}

/* The volume and its files are as they were, but for temporaries that are no longer there. */
typedef struct {
    char *tree;
    struct stat clean;
} Look;

static Look
look_at(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, COPY, RL_FILE_CLEAN);

    return (Look){list_tree(lab->path), look(clean)};
}

static void
is_unchanged(Lab *lab, Look *before)
{
    Look now = look_at(lab);

    g_assert_cmpstr(now.tree, ==, before->tree);
    g_assert_cmpint(now.clean.st_ino, ==, before->clean.st_ino);
    g_assert_cmpint(now.clean.st_nlink, ==, before->clean.st_nlink);
    g_assert_cmpint(now.clean.st_mtim.tv_nsec, ==, before->clean.st_mtim.tv_nsec);
    g_free(now.tree);
    g_free(before->tree);
}

static void
refuses(Lab *lab, int fd, const char *words)
{
    Look before = look_at(lab);

    send_receive_fails(lab, COPY, fd, RL_ERROR_STATE, words);
    is_unchanged(lab, &before);
}

static void
test_wrong_base(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    rl_autofd int full = send_state(lab, V, NULL);
    lab_run(lab, V, "two");
    rl_autofd int second = send_state(lab, V, V "@1");
    lab_run(lab, V, "three");
    rl_autofd int third = send_state(lab, V, V "@2");

    send_receive_fails(lab, COPY, second, RL_ERROR_NOT_FOUND, "there is no volume & full stream");
    send_receive(lab, COPY, full);
    refuses(lab, third, "another state & full stream");
    send_receive(lab, COPY, second);
    refuses(lab, second, "another state");
    /* A commit of its own. */
    lab_run(lab, COPY, "own");
    refuses(lab, third, "another state");
    send_receive(lab, COPY, full);
    send_receive(lab, COPY, second);
    /* Written to in place, past us. */
    g_autofree char *clean = lab_file(lab, COPY, RL_FILE_CLEAN);
    g_usleep(50 * 1000); /* files are dated by the tick of a clock */
    write_at(clean, 100 * KIB, "by hand");
    refuses(lab, third, "another state");
}

/* Past us at the sender's: what its revision was when it was sent is gone. */
static void
test_changed_base(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    send_move(lab, V, NULL, COPY);
    lab_run(lab, V, "two");
    g_autofree char *revision = revision_path(lab, V, "1");
    write_at(revision, 100 * KIB, "by hand");
    rl_autofd int fd = send_state(lab, V, V "@1");
    refuses(lab, fd, "another state");
}

static void
test_states_that_forbid(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    rl_autofd int fd = send_state(lab, V, NULL);
    send_receive(lab, COPY, fd);
    lab_start(lab, COPY, &alice);
    refuses(lab, fd, "alice");
    image_write(lab, COPY, RL_FILE_DIRTY, "written");
    lab_stop(lab, COPY, &alice, RL_STOP_COMMITTED);

    GError *error = NULL;
    g_assert_cmpint(send_try(lab, "missing", NULL, &error), ==, -1);
    take_error(g_steal_pointer(&error), RL_ERROR_NOT_FOUND, "missing");
    g_assert_cmpint(send_try(lab, V, V "@9", &error), ==, -1);
    take_error(error, RL_ERROR_NOT_FOUND, V "@9");
    send_receive_fails(lab, COPY "@1", fd, RL_ERROR_NAME, "revision");
    send_receive_fails(lab, "../x", fd, RL_ERROR_NAME, "..");
}

static void
test_sizes(Lab *lab)
{
    GError *error = NULL;

    lab_create(lab, V, "one", SIZE);
    send_label(lab, V, V "@small");
    send_move(lab, V "@small", NULL, COPY);
    g_assert_true(rl_volume_resize(lab->pool, V, 2 * SIZE, false, &error));
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    write_at(clean, (off_t) (2 * SIZE - 4), "end"); /* before it has a state's name */
    send_label(lab, V, V "@large");
    send_move(lab, V "@large", V "@small", COPY);
    send_same_volumes(lab);
    send_move(lab, V "@small", V "@large", COPY);
    g_assert_cmpint(image_size(lab, COPY, RL_FILE_CLEAN), ==, SIZE);
    image_is(lab, COPY, RL_FILE_CLEAN, "one");
}

/* --- what fails */

static int came; /* the stream, closed by who looks at it */

static bool
send_changes(Lab *lab, GError **error)
{
    came = send_try(lab, V, V "@1", error);
    return came >= 0;
}

static bool
send_all(Lab *lab, GError **error)
{
    came = send_try(lab, V, NULL, error);
    return came >= 0;
}

/* All of @size bytes comes, or an error. One call after the other fails of those with the number
 * @nr; 0: of those that concern files. */
static void
try_failing_sends(Lab *lab, Attempt attempt, long nr, int code, off_t size)
{
    for (guint first = 0, made = 0; made >= first;) {
        Disturbance at = {.nr = nr, .first = ++first, .count = 1, .code = code};
        g_autoptr(GError) error = NULL;
        bool done = disturb(lab, &at, attempt, &error);
        g_assert_true(done == !error);
        made = at.made;
        if (!done)
            continue;
        g_assert_cmpint(lseek(came, 0, SEEK_END), ==, size);
        close(came);
    }
}

static void
test_failing_sends(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    lab_run(lab, V, "two");
    rl_autofd int whole = send_state(lab, V, V "@1");
    off_t size = lseek(whole, 0, SEEK_END);
    try_failing_sends(lab, send_changes, 0, EIO, size);
    try_failing_sends(lab, send_changes, SYS_pread64, EINTR, size);
    try_failing_sends(lab, send_changes, SYS_writev, EIO, size);
    try_failing_sends(lab, send_changes, SYS_writev, EINTR, size);
    try_failing_sends(lab, send_changes, SYS_lseek, EINVAL, size); /* what cannot be told is data */

    rl_autofd int full = send_state(lab, V, NULL);
    size = lseek(full, 0, SEEK_END);
    try_failing_sends(lab, send_all, SYS_pread64, EIO, size);
    try_failing_sends(lab, send_all, SYS_writev, EIO, size);
    fails_without(lab, SYS_pread64, send_all);
    fails_without(lab, SYS_pread64, send_changes);
}

static void
test_full_disk(Lab *lab)
{
    rl_autofd int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    const RlSend send = {.state = V, .out = full};
    GError *error = NULL;
    uint64_t sent;

    lab_create(lab, V, "one", SIZE);
    g_assert_false(rl_send(lab->pool, &send, &sent, &error));
    take_errno(g_steal_pointer(&error), ENOSPC, "stream");

    /* More than waits to be written. */
    lab_start(lab, V, &alice);
    rl_autofd int dirty = image_open(lab, V, RL_FILE_DIRTY, O_RDWR);
    g_autofree char *bytes = g_strnfill(256 * KIB, 'x');
    g_assert_cmpint(pwrite(dirty, bytes, 256 * KIB, 0), ==, 256 * KIB);
    rl_fd_close(&dirty);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    const RlSend changes = {.state = V, .from = V "@1", .out = full};
    g_assert_false(rl_send(lab->pool, &changes, &sent, &error));
    take_errno(error, ENOSPC, "stream");
}

/* A part of a part is written, and then no more. */
static void
test_full_halfway(Lab *lab)
{
    struct rlimit before, small;
    g_autoptr(GError) error = NULL;

    lab_create(lab, V, "one", SIZE);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    small = before;
    small.rlim_cur = 10 * KIB;
    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
    int fd = send_try(lab, V, NULL, &error);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
    g_assert_cmpint(fd, ==, -1);
    take_errno(g_steal_pointer(&error), EFBIG, "stream");
}

/* A state that no file here can be. */
static void
test_too_large(Lab *lab)
{
    const RlStateId state = {"0123456789abcdef0123456789abcdef", INT64_MAX, {0, 0}};
    rl_autofd int fd = memfd_create("stream", MFD_CLOEXEC);
    RlReceived received;
    g_autoptr(GError) error = NULL;

    lab_create(lab, V, "one", SIZE);
    g_autoptr(RlStreamWriter) writer = rl_stream_writer_new(fd, &state, NULL, NULL);
    g_assert_true(rl_stream_writer_end(writer, NULL));
    g_autofree char *before = list_tree(lab->path);
    g_assert_false(send_receive_try(lab, "vm/new/large", fd, &received, &error));
    g_assert_nonnull(strstr(error->message, "vm/new/large"));
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(before, ==, after);
}

/* Notes that make no sense say nothing; an id that makes none names no state. */
static void
test_damaged_notes(Lab *lab)
{
    static const char *const notes[] = {
        "",
        "x",
        "0123456789abcdef0123456789abcdef:1:1:1",
        "a b",
        "a:1:1:1 b:1:1:1",
        "0123456789abcdef0123456789abcdef:-1:1:1 0123456789abcdef0123456789abcdef:1:1:1",
        "0123456789abcdef0123456789abcdef:1:1:1 0123456789abcdef0123456789abcdef:1:1:1",
        "0123456789abcdef0123456789abcdeg:1:1:1 0123456789abcdef0123456789abcdef:1:1:1"};
    GError *error = NULL;
    RlStateId own, now;

    lab_create(lab, V, "one", SIZE);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_state_id_get(fd, &own, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++) {
        g_assert_true(rl_xattr_set(fd, RL_ATTR_RECEIVED, notes[i], NULL));
        g_assert_true(rl_state_id_get(fd, &now, NULL));
        g_assert_true(rl_state_id_same(&own, &now));
    }
    g_assert_true(rl_xattr_set(fd, RL_ATTR_ID, "0123", NULL));
    g_assert_cmpint(send_try(lab, V, NULL, &error), ==, -1);
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, V " & damaged");
    bool is;
    g_assert_false(rl_state_id_is(fd, &own, &is, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "damaged");
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_ID, NULL));
    g_assert_true(rl_state_id_is(fd, &own, &is, NULL));
    g_assert_false(is);
    send_move(lab, V, NULL, COPY); /* it gets one */
    g_assert_true(rl_state_id_get(fd, &now, NULL));
    g_assert_false(rl_state_id_same(&own, &now));
}

/* What is edited while it is sent. */
typedef struct {
    const char *path; /* NULL: nothing, any more */
    int fd;           /* a process has it open since; -1 after the edit */
    bool stays_open;
} Edit;

static void
edit_once(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    Edit *edit = data;

    (void) at, (void) size, (void) moved;
    if (!edit->path)
        return;
    edit->fd = open(edit->path, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(edit->fd, >=, 0);
    edit->path = NULL;
    if (edit->stays_open)
        return;
    g_assert_cmpint(pwrite(edit->fd, "edited", 6, 0), ==, 6);
    close(edit->fd);
    edit->fd = -1;
}

/* Sends V, from @from if that is not NULL, while @path is edited: what is cut off is not received.
 */
static void
send_edited(Lab *lab, const char *from, const char *path, bool stays_open)
{
    Edit edit = {.path = path, .fd = -1, .stays_open = stays_open};
    rl_autofd int fd = memfd_create("stream", MFD_CLOEXEC);
    const RlSend send = {.state = V, .from = from, .out = fd, .progress = {edit_once, &edit}};
    GError *error = NULL;
    uint64_t sent;

    g_assert_false(rl_send(lab->pool, &send, &sent, &error));
    take_error(error, RL_ERROR_BUSY, "wrote to");
    g_assert_null(edit.path);
    if (edit.fd >= 0)
        close(edit.fd);
    send_receive_fails(lab, COPY "-none", fd, RL_ERROR_INVALID, "ends");
}

static void
test_edited_meanwhile(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", SIZE);
    send_move(lab, V, NULL, COPY);
    lab_run(lab, V, "two");
    g_autofree char *base = revision_path(lab, V, "1");
    send_edited(lab, NULL, clean, true);
    send_edited(lab, V "@1", clean, true);
    send_edited(lab, V "@1", base, true);
    send_move(lab, V, V "@1", COPY);
    send_edited(lab, NULL, clean, false);
    send_edited(lab, V "@1", base, false);
    close(send_state(lab, V, NULL));
}

void
add_tests(void)
{
    lab_add("/send/full", test_full);
    lab_add("/send/incremental", test_incremental);
    lab_add("/send/there-and-back", test_there_and_back);
    lab_add("/send/labels", test_labels);
    lab_add("/send/wrong-base", test_wrong_base);
    lab_add("/send/changed-base", test_changed_base);
    lab_add("/send/states-that-forbid", test_states_that_forbid);
    lab_add("/send/sizes", test_sizes);
    lab_add("/send/cut-within-a-sector", test_cut_within_a_sector);
    lab_add("/send/failing-sends", test_failing_sends);
    lab_add("/send/edited-meanwhile", test_edited_meanwhile);
    lab_add_on("/send/full-disk", "xfs", test_full_disk);
    lab_add_on("/send/full-halfway", "xfs", test_full_halfway);
    lab_add_on("/send/too-large", "ext4", test_too_large);
    lab_add_on("/send/damaged-notes", "xfs", test_damaged_notes);
}
