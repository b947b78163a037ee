/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What came of a stream that was cut off is kept, and only the rest of the same stream goes on with
 * it. That any cut can be gone on with is in test-send-histories.c. */
#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/image/partial-image.h"
#include "common/operation/maintenance.h"
#include "harness/sending.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define V SENT
#define COPY SENT_COPY
#define SIZE (2 * MIB)

/* Three parts, of which the first two come. */
static RlPartialNote
receive_two_parts(Lab *lab, const char *from)
{
    rl_autofd int fd = send_state(lab, V, from);
    RlPartialNote came;
    g_autoptr(GError) error = NULL;

    g_assert_false(
        send_receive_part(lab, COPY, fd, lseek(fd, 0, SEEK_END) - 60 - (off_t) (4 * KIB), &error));
    g_assert_error(error, RL_ERROR, RL_ERROR_INVALID);
    g_assert_true(send_kept(lab, COPY, &came));
    return came;
}

static void
make_volume(Lab *lab)
{
    lab_create(lab, V, "one", SIZE);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    write_at(clean, (off_t) (512 * KIB), "second part");
    write_at(clean, (off_t) (MIB + 512 * KIB), "third part");
}

static void
test_new(Lab *lab)
{
    GError *error = NULL;

    make_volume(lab);
    RlPartialNote came = receive_two_parts(lab, NULL);
    g_assert_cmpuint(came.at, ==, 516 * KIB);
    g_assert_false(image_is_there(lab, COPY, RL_FILE_CLEAN));
    rl_autofd int rest = send_rest(lab, V, NULL, &came, &error);
    g_assert_no_error(error);
    g_assert_cmpint(lseek(rest, 0, SEEK_END), <, 6 * KIB);
    RlReceived received = send_receive(lab, COPY, rest);
    g_assert_true(received.created);
    send_same_volumes(lab);
    g_assert_false(send_kept(lab, COPY, &came));
    /* Once only. */
    send_receive_fails(lab, COPY, rest, RL_ERROR_NOT_FOUND, "not kept & --token");
}

static void
test_changes(Lab *lab)
{
    GError *error = NULL;

    make_volume(lab);
    send_move(lab, V, NULL, COPY);
    lab_start(lab, V, &alice);
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    write_at(dirty, (off_t) (64 * KIB), "new");
    write_at(dirty, (off_t) (MIB + 512 * KIB), "third again");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    RlPartialNote came = receive_two_parts(lab, V "@1");
    g_assert_cmpuint(came.at, ==, 68 * KIB);
    /* Other states are another stream. */
    g_assert_cmpint(send_rest(lab, V "@1", NULL, &came, &error), ==, -1);
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "token & another state");
    g_assert_cmpint(send_rest(lab, V, NULL, &came, &error), ==, -1);
    take_error(g_steal_pointer(&error), RL_ERROR_INVALID, "token & another base");

    rl_autofd int rest = send_rest(lab, V, V "@1", &came, &error);
    g_assert_no_error(error);
    /* While it runs the rest is refused, and what came stays. A copy cannot tell that nothing was
     * written. */
    if (lab->reflinks) {
        lab_start(lab, COPY, &alice);
        send_receive_fails(lab, COPY, rest, RL_ERROR_STATE, "alice");
        lab_stop(lab, COPY, &alice, RL_STOP_UNWRITTEN);
        g_assert_true(send_kept(lab, COPY, &came));
    }
    send_receive(lab, COPY, rest);
    send_same_volumes(lab);
    assert_revisions(lab, COPY, "1");
    g_assert_false(send_kept(lab, COPY, &came));
}

/* All came, but could not take its place. */
static void
test_only_the_end(Lab *lab)
{
    GError *error = NULL;
    RlPartialNote came;

    make_volume(lab);
    rl_autofd int fd = send_state(lab, V, NULL);
    g_assert_false(send_receive_part(lab, COPY, fd, lseek(fd, 0, SEEK_END) - 10, &error));
    g_clear_error(&error);
    g_assert_true(send_kept(lab, COPY, &came));
    g_assert_cmpuint(came.at, ==, MIB + 516 * KIB);
    rl_autofd int rest = send_rest(lab, V, NULL, &came, &error);
    g_assert_no_error(error);
    send_receive(lab, COPY, rest);
    send_same_volumes(lab);
}

static void
clear(Lab *lab)
{
    GError *error = NULL;

    g_assert_true(rl_volume_clear(lab->pool, COPY, &error));
    g_assert_no_error(error);
}

static void
test_sweeps(Lab *lab)
{
    RlPartialNote came;
    g_autofree char *dir = lab_path(lab, "backup");

    make_volume(lab);
    receive_two_parts(lab, NULL);
    clear(lab);
    g_assert_true(send_kept(lab, COPY, &came));
    /* Without a note it is litter. */
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    g_autofree char *path = g_build_filename(dir, g_dir_read_name(entries), NULL);
    {
        rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
        g_assert_true(rl_xattr_set(fd, RL_ATTR_PARTIAL, "1,nonsense", NULL));
    }
    g_assert_false(send_kept(lab, COPY, &came));
    {
        rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
        g_assert_true(rl_xattr_remove(fd, RL_ATTR_PARTIAL, NULL));
    }
    clear(lab);
    assert_list(dir, "");
    /* A volume that is received whole needs no part of it. */
    receive_two_parts(lab, NULL);
    send_move(lab, V, NULL, COPY);
    g_assert_false(send_kept(lab, COPY, &came));
    receive_two_parts(lab, NULL);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, COPY, NULL);
    g_assert_true(rl_partial_drop(volume));
    g_assert_false(rl_partial_drop(volume));
    g_assert_false(send_kept(lab, COPY, &came));
}

/* Two at a time would write to one file, and one of them may publish it. */
static void
test_one_at_a_time(Lab *lab)
{
    GError *error = NULL;

    make_volume(lab);
    RlPartialNote came = receive_two_parts(lab, NULL);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, COPY, NULL);
    rl_autofd int held = rl_partial_open(volume, &came, &error);
    g_assert_no_error(error);
    rl_autofd int rest = send_rest(lab, V, NULL, &came, &error);
    send_receive_fails(lab, COPY, rest, RL_ERROR_BUSY, "another process");
    g_assert_false(rl_partial_drop(volume));
    rl_fd_close(&held);
    send_receive(lab, COPY, rest);
    send_same_volumes(lab);
}

static void
test_tokens(void)
{
    static const char *const wrong[] = {
        "",
        ",",
        "1",
        "1,",
        "0,0123456789abcdef0123456789abcdef:9:1:1",
        "10,0123456789abcdef0123456789abcdef:9:1:1",
        "-1,0123456789abcdef0123456789abcdef:9:1:1",
        "1,0123456789abcdef0123456789abcdef:9:1:1,",
        "1,0123456789abcdef0123456789abcdef:9:1:1,x",
        "1,0123456789abcdef0123456789abcdef:9:1:1,0123456789abcdef0123456789abcdef:9:1:1,"};
    static const char *const right[] = {
        "9,0123456789abcdef0123456789abcdef:9:-1:1",
        "1,0123456789abcdef0123456789abcdef:9:1:999999999,fedcba9876543210fedcba9876543210:0:1:1"};
    RlPartialNote note;

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        GError *error = NULL;
        g_assert_false(rl_partial_note_parse(wrong[i], &note, &error));
        take_error(error, RL_ERROR_INVALID, "token");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(right); i++) {
        g_assert_true(rl_partial_note_parse(right[i], &note, NULL));
        g_autofree char *text = rl_partial_note_format(&note);
        g_assert_cmpstr(text, ==, right[i]);
    }
}

void
add_tests(void)
{
    g_test_add_func("/send/rest/tokens", test_tokens);
    lab_add("/send/rest/new", test_new);
    lab_add("/send/rest/changes", test_changes);
    lab_add("/send/rest/only-the-end", test_only_the_end);
    lab_add("/send/rest/sweeps", test_sweeps);
    lab_add("/send/rest/one-at-a-time", test_one_at_a_time);
}
