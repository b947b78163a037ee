/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk.h"

#include "serve.h"

#include "common/base/autofd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct Disk {
    Serve served;
    char *path; /* of the file */
    pid_t server;
    int commands; /* to the server */
    char *device;
    int device_fd; /* open as long as the disk is there: the kernel frees the device with it */
};

static void
wait_for_answer(const Disk *disk)
{
    char byte;

    if (read(disk->commands, &byte, 1) != 1)
        g_error("the disk's server has ended");
}

static void
begin_to_serve(Disk *disk)
{
    int ends[2];

    if (!g_file_set_contents(disk->path, "", 0, NULL) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        g_error("cannot make %s: %m", disk->path);
    disk->server = fork();
    if (disk->server < 0)
        g_error("cannot fork: %m");
    if (disk->server == 0) {
        close(ends[0]);
        serve(&disk->served, ends[1]);
    }
    close(ends[1]);
    disk->commands = ends[0];
    wait_for_answer(disk);
}

/* Without direct I/O the loop device does one thing after the other, in the order in which the file
 * system asked for it. */
static void
attach(Disk *disk)
{
    rl_autofd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    rl_autofd int file = open(disk->path, O_RDWR | O_CLOEXEC);
    struct loop_config config = {.fd = (uint32_t) file, .info.lo_flags = LO_FLAGS_AUTOCLEAR};

    if (control < 0 || file < 0)
        g_error("cannot set up a loop device: %m");
    for (int i = 0; i < 100; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        g_autofree char *path = g_strdup_printf("/dev/loop%d", number);
        rl_autofd int fd = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
            disk->device = g_steal_pointer(&path);
            disk->device_fd = rl_fd_steal(&fd);
            return;
        }
        if (errno != EBUSY) /* somebody else was faster */
            g_error("cannot set up a loop device: %m");
    }
    g_error("cannot set up a loop device: all are taken by others");
}

Disk *
disk_new(const char *dir, uint64_t size, int file, const Recording *recording)
{
    Disk *disk = g_new0(Disk, 1);

    disk->path = g_build_filename(dir, "disk", NULL);
    disk->served = (Serve){disk->path, size, file, recording};
    begin_to_serve(disk);
    attach(disk);
    return disk;
}

void
disk_free(Disk *disk)
{
    if (!disk)
        return;
    close(disk->device_fd);
    close(disk->commands);
    kill(disk->server, SIGKILL); /* the file goes with it */
    waitpid(disk->server, NULL, 0);
    g_free(disk->path);
    g_free(disk->device);
    g_free(disk);
}

const char *
disk_device(const Disk *disk)
{
    return disk->device;
}

void
disk_mark(Disk *disk, const char *text)
{
    record_append(disk->served.file, RECORD_MARK, 0, strlen(text) + 1, text);
}

void
disk_show(Disk *disk, const State *state)
{
    if (write(disk->commands, state, sizeof(*state)) != sizeof(*state))
        g_error("the disk's server has ended");
    wait_for_answer(disk);
}

/* What the kernel remembers of the device's content is of another state: pages of the file and of
 * the device, and for btrfs how new the file system was there. */
static void
make_kernel_forget(const Disk *disk, const char *fs)
{
    rl_autofd int file = open(disk->path, O_RDONLY | O_CLOEXEC);

    if (file < 0 || ioctl(disk->device_fd, BLKFLSBUF) < 0)
        g_error("cannot flush %s: %m", disk->device);
    if (strcmp(fs, "btrfs") != 0)
        return;
    rl_autofd int control = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);
    struct btrfs_ioctl_vol_args args = {0};
    g_strlcpy(args.name, disk->device, sizeof(args.name));
    if (control >= 0)
        ioctl(control, BTRFS_IOC_FORGET_DEV, &args); /* ENOENT where it knows nothing */
}

bool
disk_mount(Disk *disk, const char *fs, const char *at)
{
    make_kernel_forget(disk, fs);
    return mount(disk->device, at, fs, MS_NOATIME, "") == 0;
}

void
disk_unmount(const char *at)
{
    for (int i = 0; i < 100; i++) {
        if (umount2(at, 0) == 0)
            return;
        if (errno != EBUSY)
            break;
        g_usleep(20 * 1000);
    }
    g_error("cannot unmount %s: %m", at);
}
