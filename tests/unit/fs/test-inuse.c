/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/fs/lease.h"

#include "common/base/autofd.h"
#include "common/fs/dirfd.h"
#include "harness/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

static int
open_image(Lab *lab, int flags)
{
    g_autofree char *path = lab_path(lab, "image");

    if (!is_there(path))
        make_file(path, "x");
    int fd = open(path, flags | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void
test_readers_do_not_count(Lab *lab)
{
    rl_autofd int fd = open_image(lab, O_RDONLY);

    g_assert_false(rl_lease_has_writer(fd));
    g_assert_false(rl_lease_has_opener(fd));
    rl_autofd int reader = open_image(lab, O_RDONLY);
    g_assert_false(rl_lease_has_writer(fd));
    g_assert_false(rl_lease_has_writer_at(lab->pool->root, "image"));
    g_assert_true(rl_lease_has_opener(fd));
}

static void
test_writers_count(Lab *lab)
{
    rl_autofd int fd = open_image(lab, O_RDONLY);
    {
        rl_autofd int writer = open_image(lab, O_WRONLY);
        g_assert_true(rl_lease_has_writer(fd));
        g_assert_true(rl_lease_has_opener(fd));
        g_assert_true(rl_lease_has_writer_at(lab->pool->root, "image"));
    }
    g_assert_false(rl_lease_has_writer(fd));
    g_assert_false(rl_lease_has_writer_at(lab->pool->root, "image"));
}

static void
hold_for_writing(void *lab)
{
    open_image(lab, O_RDWR);
}

static void
test_another_process(Lab *lab)
{
    rl_autofd int fd = open_image(lab, O_RDONLY);
    pid_t child = child_that_holds(hold_for_writing, lab);

    g_assert_true(rl_lease_has_writer(fd));
    kill_child(child);
    g_assert_false(rl_lease_has_writer(fd));
}

/* A mapping outlives its descriptor, and a device model may use one. */
static void
test_mapping_counts(Lab *lab)
{
    rl_autofd int fd = open_image(lab, O_RDONLY);
    rl_autofd int writer = open_image(lab, O_RDWR);
    void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);

    g_assert_true(map != MAP_FAILED);
    rl_fd_close(&writer);
    g_assert_true(rl_lease_has_writer(fd));
    g_assert_cmpint(munmap(map, 4096), ==, 0);
    g_assert_false(rl_lease_has_writer(fd));
}

static void
test_loop_device_counts(Lab *lab)
{
    rl_autofd int fd = open_image(lab, O_RDONLY), backing = open_image(lab, O_RDWR);
    rl_autofd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    g_autofree char *path = g_strdup_printf("/dev/loop%d", number);
    rl_autofd int device = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);

    if (device < 0 || ioctl(device, LOOP_SET_FD, backing) < 0) {
        g_test_skip("no loop devices");
        return;
    }
    rl_fd_close(&backing);
    g_assert_true(rl_lease_has_writer(fd));
    g_assert_cmpint(ioctl(device, LOOP_CLR_FD), ==, 0);
    rl_fd_close(&device);
    for (int i = 0; i < 100 && rl_lease_has_writer(fd); i++)
        g_usleep(10 * 1000);
    g_assert_false(rl_lease_has_writer(fd));
}

static void
test_doubt_counts(Lab *lab)
{
    g_autofree char *fifo = lab_path(lab, "fifo");
    rl_autofd int writer = open_image(lab, O_RDWR);

    g_assert_true(rl_lease_has_writer(writer));
    g_assert_true(rl_lease_has_writer(-1));
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_true(rl_lease_has_writer_at(lab->pool->root, "fifo"));
    g_assert_false(rl_lease_has_writer_at(lab->pool->root, "missing"));
}

/* What keeps writers out lets readers be, and tells of a writer that does not wait. */
static void
test_lease_for_reading(Lab *lab)
{
    rl_autofd int fd = open_image(lab, O_RDONLY), writer = open_image(lab, O_RDWR);
    g_autofree char *path = lab_path(lab, "image");

    g_assert_false(rl_lease_take_for_reading(fd));
    g_assert_cmpint(errno, ==, EAGAIN);
    rl_fd_close(&writer);
    g_assert_true(rl_lease_take_for_reading(fd));
    rl_autofd int reader = open_image(lab, O_RDONLY);
    g_assert_true(rl_lease_is_held_for_reading(fd));
    g_assert_cmpint(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC), ==, -1);
    g_assert_false(rl_lease_is_held_for_reading(fd));
}

static int lease_breaks;

static void
count_break(int signal_number)
{
    (void) signal_number;
    lease_breaks++;
}

typedef struct {
    Lab *lab;
    gint stop;
} Asker;

static void *
ask_on_and_on(void *data)
{
    Asker *asker = data;
    rl_autofd int fd = open_image(asker->lab, O_RDONLY);

    while (!g_atomic_int_get(&asker->stop)) {
        rl_lease_has_writer(fd);
        rl_lease_has_opener(fd);
    }
    return NULL;
}

/* The question is a lease for a moment. Whoever opens the file in that moment must not fail for it,
 * and whoever asks must not be killed by the signal that tells of it. */
static void
test_asking_is_harmless(Lab *lab)
{
    Asker asker = {.lab = lab};
    struct sigaction count = {.sa_handler = count_break};

    rl_fd_close(&(int){open_image(lab, O_RDONLY)});
    g_assert_cmpint(sigaction(SIGURG, &count, NULL), ==, 0);
    g_autoptr(GError) error = NULL;
    GThread *thread = g_thread_new("asker", ask_on_and_on, &asker);
    gint64 end = g_get_monotonic_time() + G_USEC_PER_SEC / 4;
    while (!error && g_get_monotonic_time() < end) {
        rl_autofd int writer = rl_dirfd_open_file(lab->pool->root, "image", O_RDWR, &error);
        rl_autofd int reader =
            error ? -1 : rl_dirfd_open_file(lab->pool->root, "image", O_RDONLY, &error);
    }
    g_atomic_int_set(&asker.stop, 1);
    g_thread_join(thread);
    g_assert_no_error(error);
    g_test_message("%d opens met a lease", lease_breaks);
}

void
add_tests(void)
{
    lab_add("/inuse/readers-do-not-count", test_readers_do_not_count);
    lab_add("/inuse/writers-count", test_writers_count);
    lab_add("/inuse/another-process", test_another_process);
    lab_add("/inuse/mapping-counts", test_mapping_counts);
    lab_add("/inuse/loop-device-counts", test_loop_device_counts);
    lab_add("/inuse/doubt-counts", test_doubt_counts);
    lab_add("/inuse/lease-for-reading", test_lease_for_reading);
    lab_add("/inuse/asking-is-harmless", test_asking_is_harmless);
}
