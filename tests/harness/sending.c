/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sending.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/fs/file-data.h"
#include "common/operation/send.h"
#include "common/operation/staged-image.h"

int
send_try(Lab *lab, const char *state, const char *from, GError **error)
{
    rl_autofd int fd = memfd_create("stream", MFD_CLOEXEC);
    const RlSend send = {.state = state, .from = from, .out = fd};
    uint64_t sent;

    g_assert_cmpint(fd, >=, 0);
    return rl_send(lab->pool, &send, &sent, error) ? rl_fd_steal(&fd) : -1;
}

int
send_rest(Lab *lab, const char *state, const char *from, const RlPartialNote *came, GError **error)
{
    rl_autofd int fd = memfd_create("stream", MFD_CLOEXEC);
    const RlSend send = {.state = state, .from = from, .resume = came, .out = fd};
    uint64_t sent;

    g_assert_cmpint(fd, >=, 0);
    return rl_send(lab->pool, &send, &sent, error) ? rl_fd_steal(&fd) : -1;
}

bool
send_receive_part(Lab *lab, const char *name, int fd, off_t size, GError **error)
{
    rl_autofd int part = memfd_create("part", MFD_CLOEXEC);
    g_autofree char *bytes = g_malloc((gsize) size);
    const RlReceive receive = {.name = name, .in = part, .keep_every = SENT_KEEP_EVERY};
    RlReceived received;

    g_assert_true(rl_full_read(fd, bytes, (size_t) size, 0, NULL));
    g_assert_true(rl_full_write(part, bytes, (size_t) size, 0, NULL));
    return rl_receive(lab_pool(lab), &receive, &received, error);
}

bool
send_kept(Lab *lab, const char *name, RlPartialNote *ret_came)
{
    GError *error = NULL;
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, name, &error);
    time_t until;
    bool there;

    g_assert_no_error(error);
    g_assert_true(rl_partial_find(volume, &there, ret_came, &until, &error));
    g_assert_no_error(error);
    return there;
}

int
send_state(Lab *lab, const char *state, const char *from)
{
    GError *error = NULL;
    int fd = send_try(lab, state, from, &error);

    g_assert_no_error(error);
    return fd;
}

bool
send_receive_try(Lab *lab, const char *name, int fd, RlReceived *ret_received, GError **error)
{
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    const RlReceive receive = {.name = name, .in = fd};
    return rl_receive(lab_pool(lab), &receive, ret_received, error);
}

RlReceived
send_receive(Lab *lab, const char *name, int fd)
{
    RlReceived received = {0};
    GError *error = NULL;

    send_receive_try(lab, name, fd, &received, &error);
    g_assert_no_error(error);
    return received;
}

void
send_receive_fails(Lab *lab, const char *name, int fd, int code, const char *words)
{
    RlReceived received;
    GError *error = NULL;

    g_assert_false(send_receive_try(lab, name, fd, &received, &error));
    take_error(error, code, words);
}

void
send_move(Lab *lab, const char *state, const char *from, const char *to)
{
    rl_autofd int fd = send_state(lab, state, from);

    send_receive(lab, to, fd);
}

void
send_same_files(const char *one, const char *other)
{
    g_autofree char *of_one = NULL, *of_other = NULL;
    gsize size_of_one, size_of_other;

    g_assert_true(g_file_get_contents(one, &of_one, &size_of_one, NULL));
    g_assert_true(g_file_get_contents(other, &of_other, &size_of_other, NULL));
    g_assert_cmpint(size_of_one, ==, size_of_other);
    for (gsize at = 0; at < size_of_one; at += MIN(4 * KIB, size_of_one - at))
        if (memcmp(of_one + at, of_other + at, MIN(4 * KIB, size_of_one - at)) != 0)
            g_error("block %d of '%s' and '%s' differs", (int) (at / 4096), one, other);
}

void
send_same_volumes(Lab *lab)
{
    g_autofree char *one = lab_file(lab, SENT, RL_FILE_CLEAN),
                    *other = lab_file(lab, SENT_COPY, RL_FILE_CLEAN);

    send_same_files(one, other);
}

void
send_label(Lab *lab, const char *of, const char *name)
{
    const RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), name, &access, &error);
    g_autofree char *path = lab_file(lab, of, RL_FILE_CLEAN);
    rl_autofd int from = open(path, O_RDONLY | O_CLOEXEC);

    g_assert_no_error(error);
    g_assert_true(rl_staged_fill(draft, from, 0, true, &error));
    g_assert_true(rl_staged_label(draft, &error));
    g_assert_no_error(error);
}
