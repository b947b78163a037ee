/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 ext3 */
/* A copy of what somebody writes to is begun anew, or refused. */
#include "common/fs/stable-copy.h"

#include "common/base/autofd.h"
#include "harness/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE (256 * KIB)
#define PIECES 4

/* Somebody who writes to the first piece when the last one is about to be copied. */
typedef struct {
    int fd;
    int pieces; /* that were asked for */
    int writes; /* that are still to be made */
    bool stop;  /* and interrupts the copy then */
} Writer;

static bool
write_meanwhile(void *data)
{
    Writer *writer = data;

    if (++writer->pieces % PIECES)
        return true;
    if (writer->writes-- > 0)
        g_assert_cmpint(pwrite(writer->fd, "new", 3, 0), ==, 3);
    return !writer->stop;
}

/* Written just now: its date is that of what is written next. */
static int
open_filled(Lab *lab)
{
    int fd = lab_open(lab, "from", O_TRUNC);
    g_autofree char *data = g_malloc(PIECE * PIECES);

    memset(data, 'o', PIECE * PIECES);
    g_assert_cmpint(pwrite(fd, data, PIECE * PIECES, 0), ==, (gssize) (PIECE * PIECES));
    return fd;
}

static void
assert_begins(int fd, const char *text)
{
    char data[4] = "";

    g_assert_cmpint(pread(fd, data, 3, 0), ==, 3);
    g_assert_cmpstr(data, ==, text);
}

static void
test_at_rest(Lab *lab)
{
    rl_autofd int from = open_filled(lab), to = lab_open(lab, "to", O_TRUNC);
    GError *error = NULL;

    g_assert_true(rl_stable_copy(from, to, NULL, &error));
    g_assert_no_error(error);
    assert_begins(to, "ooo");
}

static void
test_written_once(Lab *lab)
{
    rl_autofd int from = open_filled(lab), to = lab_open(lab, "to", O_TRUNC);
    Writer writer = {.fd = from, .writes = 1};
    GError *error = NULL;

    g_assert_true(rl_stable_copy(
        from, to, &(RlCopyWatch){.go_on = write_meanwhile, .data = &writer}, &error));
    g_assert_no_error(error);
    g_assert_cmpint(writer.pieces, >, PIECES);
    assert_begins(to, "new");
}

/* What is written within the same tick of the clock that dates files. */
static void
test_written_at_once(Lab *lab)
{
    int times = g_str_equal(lab->fs, "ext3") ? 2 : 20; /* there each takes seconds */

    for (int i = 0; i < times; i++) {
        rl_autofd int from = lab_open(lab, "from", O_TRUNC), to = lab_open(lab, "to", O_TRUNC);
        Writer writer = {.fd = from, .pieces = PIECES - 2, .writes = 1};
        GError *error = NULL;
        /* Two ranges of data are two pieces. */
        g_assert_cmpint(pwrite(from, "ooo", 3, MIB), ==, 3);
        g_assert_cmpint(pwrite(from, "ooo", 3, 0), ==, 3);
        g_assert_true(rl_stable_copy(
            from, to, &(RlCopyWatch){.go_on = write_meanwhile, .data = &writer}, &error));
        g_assert_no_error(error);
        assert_begins(to, "new");
    }
}

/* Each of its writes has put the date back, as backup programs do after they have read. */
static bool
write_and_put_back(void *data)
{
    Writer *writer = data;
    struct stat st;

    if (++writer->pieces % PIECES || writer->writes-- <= 0)
        return true;
    g_assert_cmpint(fstat(writer->fd, &st), ==, 0);
    g_assert_cmpint(pwrite(writer->fd, "new", 3, 0), ==, 3);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    g_assert_cmpint(futimens(writer->fd, times), ==, 0);
    return true;
}

static void
test_date_put_back(Lab *lab)
{
    rl_autofd int from = open_filled(lab), to = lab_open(lab, "to", O_TRUNC);
    Writer writer = {.fd = from, .writes = 1};
    GError *error = NULL;

    g_assert_true(rl_stable_copy(
        from, to, &(RlCopyWatch){.go_on = write_and_put_back, .data = &writer}, &error));
    g_assert_no_error(error);
    assert_begins(to, "new");
}

/* Dated half a second ahead, which comes while it is copied. */
static bool
write_when_it_comes(void *data)
{
    Writer *writer = data;
    struct stat st;

    if (++writer->pieces % PIECES || writer->writes-- <= 0)
        return true;
    g_assert_cmpint(fstat(writer->fd, &st), ==, 0);
    while (g_get_real_time() <=
           st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000 + 20 * 1000)
        g_usleep(1000);
    /* As if the write had hit the very tick. */
    g_assert_cmpint(pwrite(writer->fd, "new", 3, 0), ==, 3);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    g_assert_cmpint(futimens(writer->fd, times), ==, 0);
    return true;
}

static void
test_date_that_comes(Lab *lab)
{
    rl_autofd int from = open_filled(lab), to = lab_open(lab, "to", O_TRUNC);
    Writer writer = {.fd = from, .writes = 1};
    gint64 ahead_us = g_get_real_time() + G_USEC_PER_SEC / 2;
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = ahead_us / G_USEC_PER_SEC, .tv_nsec = ahead_us % G_USEC_PER_SEC * 1000}};
    GError *error = NULL;

    g_assert_cmpint(futimens(from, times), ==, 0);
    g_assert_true(rl_stable_copy(
        from, to, &(RlCopyWatch){.go_on = write_when_it_comes, .data = &writer}, &error));
    g_assert_no_error(error);
    assert_begins(to, "new");
}

static void
test_written_all_the_time(Lab *lab)
{
    rl_autofd int from = open_filled(lab), to = lab_open(lab, "to", O_TRUNC);
    Writer writer = {.fd = from, .writes = 1000};
    GError *error = NULL;

    g_assert_false(rl_stable_copy(
        from, to, &(RlCopyWatch){.go_on = write_meanwhile, .data = &writer}, &error));
    take_error(error, RL_ERROR_BUSY, "virsh suspend");
}

/* What fails for another reason is not tried again. */
static void
test_other_failures(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "to");
    rl_autofd int from = open_filled(lab), to = lab_open(lab, "to", O_TRUNC);
    rl_autofd int reader = open(path, O_RDONLY | O_CLOEXEC);
    Writer writer = {.fd = from, .stop = true};
    GError *error = NULL;

    g_assert_false(rl_stable_copy(
        from, to, &(RlCopyWatch){.go_on = write_meanwhile, .data = &writer}, &error));
    take_errno(g_steal_pointer(&error), ECANCELED, "interrupted");
    g_assert_cmpint(writer.pieces, ==, PIECES);
    g_assert_false(rl_stable_copy(-1, to, NULL, &error));
    take_errno(g_steal_pointer(&error), EBADF, "");
    g_assert_false(rl_stable_copy(from, reader, NULL, &error));
    take_errno(error, EINVAL, "size");
}

void
add_tests(void)
{
    lab_add("/still/at-rest", test_at_rest);
    lab_add("/still/written-once", test_written_once);
    lab_add_on("/still/written-at-once", "xfs btrfs ext4 ext3", test_written_at_once);
    lab_add("/still/date-put-back", test_date_put_back);
    lab_add("/still/date-that-comes", test_date_that_comes);
    lab_add("/still/written-all-the-time", test_written_all_the_time);
    lab_add("/still/other-failures", test_other_failures);
}
