/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device.h"

#include "common/base/autofd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

/* Whoever else asks for a device gets the lowest that is free: not one of these. */
#define FIRST 100
#define LAST 200
#define PATIENCE_MS 5000

static int number = -1;
static int device = -1; /* open while it is attached */

static void
need(bool done, const char *what)
{
    if (!done)
        g_error("loop device %d: %s: %s", number, what, g_strerror(errno));
}

static int
open_control(void)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

    need(control >= 0, "loop-control");
    return control;
}

void
device_prepare(void)
{
    rl_autofd int control = open_control();
    int added = -1;

    for (number = FIRST; added < 0 && number < LAST; number++) {
        added = ioctl(control, LOOP_CTL_ADD, number);
        need(added >= 0 || errno == EEXIST, "LOOP_CTL_ADD");
    }
    need(added >= 0, "all are taken");
    number = added;

    g_autofree char *entry = g_strdup_printf("/sys/block/loop%d", number);
    g_autofree char *there = g_strdup_printf("../devices/virtual/block/loop%d", number);
    need(mount("fault", "/sys/block", "tmpfs", 0, NULL) == 0, "mount");
    need(symlink(there, entry) == 0, "symlink");
}

void
device_attach(const char *path)
{
    g_autofree char *node = g_strdup_printf("/dev/loop%d", number);
    rl_autofd int file = open(path, O_RDWR | O_CLOEXEC);

    device_detach();
    device = open(node, O_RDWR | O_CLOEXEC);
    need(file >= 0 && device >= 0 && ioctl(device, LOOP_SET_FD, file) == 0, path);
}

void
device_detach(void)
{
    g_autofree char *bound = g_strdup_printf("/sys/block/loop%d/loop", number);

    if (device < 0)
        return;
    need(ioctl(device, LOOP_CLR_FD) == 0, "LOOP_CLR_FD");
    rl_fd_close(&device);
    /* Somebody who looks at every new device may have it open for a moment longer. */
    for (int waited_ms = 0; g_file_test(bound, G_FILE_TEST_EXISTS); waited_ms++) {
        need(waited_ms < PATIENCE_MS, "it does not come off");
        g_usleep(1000);
    }
}

uint64_t
device_size(void)
{
    uint64_t size = 0;

    need(device < 0 || ioctl(device, BLKGETSIZE64, &size) == 0, "BLKGETSIZE64");
    return size;
}

void
device_remove(void)
{
    rl_autofd int control = open_control();

    device_detach();
    /* Whoever looks at it at this moment keeps it; one more that is free does no harm. */
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms++) {
        if (ioctl(control, LOOP_CTL_REMOVE, number) >= 0)
            return;
        g_usleep(1000);
    }
}
